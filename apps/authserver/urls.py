"""The endpoints, each mounted by name. ``oauth2_provider.urls`` is never included (trap 14)."""

from django.urls import path

from apps.authserver.views.authorize import AuthorizeView
from apps.authserver.views.discovery import JWKSView, MetadataView
from apps.authserver.views.revoke import RevokeView
from apps.authserver.views.token import TokenView
from apps.authserver.views.userinfo import UserInfoView

app_name = "authserver"

urlpatterns = [
    path("oauth/authorize", AuthorizeView.as_view(), name="authorize"),
    path("oauth/token", TokenView.as_view(), name="token"),
    path("oauth/revoke", RevokeView.as_view(), name="revoke"),
    path("oauth/userinfo", UserInfoView.as_view(), name="userinfo"),
    path("oauth/jwks", JWKSView.as_view(), name="jwks"),
    path(".well-known/openid-configuration", MetadataView.as_view(), name="openid-configuration"),
    path(".well-known/oauth-authorization-server", MetadataView.as_view(), name="oauth-authorization-server"),
]
