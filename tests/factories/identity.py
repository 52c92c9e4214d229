import factory

from apps.identity.models import PSU, CoreUser, User
from apps.identity.rules import CoreOperation

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    """A log-in with the password ``PASSWORD``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"customer{n}")
    password = factory.django.Password(PASSWORD)


class PSUFactory(factory.django.DjangoModelFactory):
    """A customer, mapped to a core user who may do everything."""

    class Meta:
        model = PSU

    user = factory.SubFactory(UserFactory)
    first_name = "Anna"
    last_name = "Schneider"


class CoreUserFactory(factory.django.DjangoModelFactory):
    """The back end's user of a customer."""

    class Meta:
        model = CoreUser

    core_user_id = factory.Sequence(lambda n: f"LB{n:06}")
    psu = factory.SubFactory(PSUFactory)
    operations = factory.LazyFunction(lambda: list(CoreOperation.values))
