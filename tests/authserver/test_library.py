"""django-oauth-toolkit as it stands in this house."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_device_grant_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from oauth2_provider.settings import oauth2_settings

from apps.authserver import conf


@pytest.mark.parametrize(
    "get_model",
    [
        get_access_token_model,
        get_application_model,
        get_device_grant_model,
        get_grant_model,
        get_id_token_model,
        get_refresh_token_model,
    ],
)
def test_every_model_of_the_library_is_ours(get_model):
    assert get_model()._meta.app_label == "authserver"


def test_the_library_has_no_table(db):
    assert not [name for name in connection.introspection.table_names() if name.startswith("oauth2_provider")]
    assert all(
        model._meta.swapped
        for model in apps.get_app_config("oauth2_provider").get_models(include_swapped=True)
    )


def test_there_is_no_drift_between_models_and_migrations(db):
    call_command("makemigrations", "authserver", "oauth2_provider", check=True, dry_run=True, verbosity=0)


def test_the_librarys_own_deployment_checks_find_nothing():
    found = [
        message
        for message in run_checks(include_deployment_checks=True)
        if "oauth2_provider" in str(message.id)
    ]
    assert found == []


@pytest.mark.req("AS-TRAP-6")
def test_nothing_is_granted_by_default():
    assert oauth2_settings.DEFAULT_SCOPES == []
    assert oauth2_settings._DEFAULT_SCOPES == []


def test_a_lifetime_beyond_its_bound_stops_the_start(monkeypatch):
    monkeypatch.setattr(conf, "AUTHORIZATION_CODE_TTL_SECONDS", 61)
    from apps.authserver.checks import check_lifetimes

    assert [message.id for message in check_lifetimes(None)] == ["authserver.E001"]


def test_other_settings_of_the_library_stop_the_start(settings):
    from apps.authserver.checks import check_library_settings

    assert check_library_settings(None) == []
    settings.OAUTH2_PROVIDER = conf.OAUTH2_PROVIDER | {"PKCE_REQUIRED": False}
    assert [message.id for message in check_library_settings(None)] == ["authserver.E002"]
    settings.OAUTH2_PROVIDER = conf.OAUTH2_PROVIDER
    settings.OAUTH2_PROVIDER_GRANT_MODEL = "oauth2_provider.Grant"
    assert [message.id for message in check_library_settings(None)] == ["authserver.E003"]


@pytest.mark.req("S0-5", "RTS-35(5)")
def test_staff_sees_no_code_and_no_token(db, rf, django_user_model):
    request = rf.get("/staff/")
    request.user = django_user_model.objects.create_superuser("root", password="x" * 12)
    for model in apps.get_app_config("authserver").get_models():
        if admin.site.is_registered(model):
            model_admin = admin.site.get_model_admin(model)
            assert not model_admin.has_view_permission(request)
            assert not model_admin.has_change_permission(request)
            assert not model_admin.has_add_permission(request)
            assert not model_admin.has_delete_permission(request)
