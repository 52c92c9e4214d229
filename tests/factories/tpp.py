from datetime import UTC, datetime

import factory

from apps.tpp.models import TPP, App

REDIRECT_URI = "https://shoppay.example/callback"


class TPPFactory(factory.django.DjangoModelFactory):
    """A TPP with every role."""

    class Meta:
        model = TPP

    legal_name = factory.Sequence(lambda n: f"ShopPay {n} GmbH")
    brand_name = "ShopPay"
    authorisation_number = factory.Sequence(lambda n: f"PSDDE-BAFIN-{100000 + n}")
    authority_name = "BaFin"
    country = "DE"
    roles = factory.LazyFunction(lambda: ["AISP", "PISP", "PIISP"])
    registered_at = datetime(2026, 1, 1, tzinfo=UTC)


class AppFactory(factory.django.DjangoModelFactory):
    """An app of a TPP."""

    class Meta:
        model = App

    tpp = factory.SubFactory(TPPFactory)
    name = factory.Sequence(lambda n: f"ShopPay app {n}")
    client_id = factory.Sequence(lambda n: f"client-{n}")
    redirect_uris = factory.LazyFunction(lambda: [REDIRECT_URI])
    registered_at = datetime(2026, 1, 1, tzinfo=UTC)
