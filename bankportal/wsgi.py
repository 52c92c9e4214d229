"""WSGI entry point of the web process."""

import os

from django.core.wsgi import get_wsgi_application

from apps.core.checks import check_before_serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

check_before_serving()
application = get_wsgi_application()
