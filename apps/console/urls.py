from django.urls import path

from apps.console.views import apps, companies, first_call, keys, reference, registration, sign_in, start

app_name = "console"

urlpatterns = [
    path("", start.overview, name="overview"),
    path("register/", registration.register, name="register"),
    path("register/authenticator/", registration.authenticator, name="register-authenticator"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
    path("sign-in/authenticator/", sign_in.authenticator, name="sign-in-authenticator"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("company/", companies.company_list, name="company-list"),
    path("company/new/", companies.company_new, name="company-new"),
    path("apps/", apps.app_list, name="app-list"),
    path("apps/new/", apps.app_new, name="app-new"),
    path("apps/<uuid:app_id>/", apps.app_detail, name="app-detail"),
    path("apps/<uuid:app_id>/redirect-uris/", apps.redirect_uris, name="app-redirect-uris"),
    path("apps/<uuid:app_id>/keys/new/", keys.key_new, name="key-new"),
    path("apps/<uuid:app_id>/keys/<int:key_id>/retire/", keys.key_retire, name="key-retire"),
    path("apps/<uuid:app_id>/first-call/", first_call.app_first_call, name="app-first-call"),
    path("first-call/", first_call.first_call, name="first-call"),
    path("callback/", start.callback, name="callback"),
    path("reference/", reference.reference, name="reference"),
    path("reference/psd2-api-1.3.12.yaml", reference.contract, name="contract"),
    path("errors/", reference.error_list, name="error-list"),
    path("errors/<str:code>/", reference.error_detail, name="error-detail"),
]
