"""ASGI entry point, for hosts that offer nothing else. WSGI serves this synchronous work faster."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

application = get_asgi_application()
