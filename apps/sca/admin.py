from django.contrib import admin
from django_otp.plugins.otp_totp.models import TOTPDevice

# The library's page would show the secret and its QR code to staff; nobody at the bank has to see them (S0-6).
# It is registered by the time this runs: the library stands before the rooms in INSTALLED_APPS.
if admin.site.is_registered(TOTPDevice):
    admin.site.unregister(TOTPDevice)
