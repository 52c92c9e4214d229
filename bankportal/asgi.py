"""ASGI entry point, for hosts that offer nothing else. WSGI serves this synchronous work faster."""

import os

from django.core.asgi import get_asgi_application

from apps.core.checks import check_before_serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

check_before_serving()
application = get_asgi_application()
