"""Settings, all from the environment (``var/bank.env`` is read first, the real environment wins).

Production is the default mode: a forgotten variable never opens the sandbox. Numbers that the law bounds
are declared in ``apps.core.legal_limits``; a system check refuses to start when a setting leaves its bound.
"""

from datetime import date, time
from pathlib import Path

import environ
from celery.schedules import crontab, schedule

from apps.authserver.conf import OAUTH2_PROVIDER as _OAUTH2_PROVIDER
from apps.web.csp import CONTENT_SECURITY_POLICY as _CSP

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
_env_file = Path(env("BANK_ENV_FILE", default=str(VAR_DIR / "bank.env")))
if _env_file.is_file():
    environ.Env.read_env(_env_file)
VAR_DIR = Path(env("BANK_VAR_DIR", default=str(VAR_DIR)))


def _day(written: str) -> date | None:
    return date.fromisoformat(written) if written else None


# Mode ------------------------------------------------------------------------------------------------
BANK_MODE = env("BANK_MODE", default="production")
SANDBOX = BANK_MODE == "sandbox"
DEBUG = False
SECRET_KEY = env("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
PUBLIC_BASE_URL = env("PUBLIC_BASE_URL", default="http://localhost:8000").rstrip("/")
# The bank's app has an address of its own: another origin than the portal's.
AUTHENTICATOR_BASE_URL = env(
    "AUTHENTICATOR_BASE_URL", default=PUBLIC_BASE_URL.replace("://", "://app.", 1)
).rstrip("/")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "app.localhost"] if SANDBOX else []
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
USE_TLS = PUBLIC_BASE_URL.startswith("https://")

# The bank --------------------------------------------------------------------------------------------
BANK_NAME = env("BANK_NAME", default="Lindenbank")
BANK_LEGAL_NAME = env("BANK_LEGAL_NAME", default="Lindenbank eG")
BANK_BIC = env("BANK_BIC", default="LINDDEB0XXX")
BANK_COUNTRY = env("BANK_COUNTRY", default="DE")
BANK_CODE = env("BANK_CODE", default="10099900")
BANK_FRAUD_PHONE = env("BANK_FRAUD_PHONE", default="116 116")
BANK_CLOCK = "apps.sandbox.clock.bank_now" if SANDBOX else "django.utils.timezone.now"

INSTALLED_APPS = [
    "django_otp.plugins.otp_totp",  # Before the rooms: apps.sca.admin takes its admin page away again.
    "apps.core",
    "apps.audit",
    "apps.notifications",
    "apps.ledger",
    "apps.identity",
    "apps.risk",
    "apps.accounts",
    "apps.tpp",
    "apps.clearing",
    "apps.sca",
    "apps.payees",
    "apps.pricing",
    "apps.consents",
    "apps.payments",
    "apps.bulk",
    "apps.statements",
    "apps.screening",
    "apps.fraud",
    "apps.receipts",
    "apps.web",
    "apps.authserver",
    "apps.xs2a",
    "apps.rails",
    "apps.engine",
    "apps.portal",
    "apps.authenticator",
    "apps.console",
    "apps.staff.apps.StaffConfig",
    "apps.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_otp",
    "oauth2_provider",
    "rest_framework",
    "django_cotton.apps.SimpleAppConfig",
    "csp",
]
if SANDBOX:
    INSTALLED_APPS.insert(INSTALLED_APPS.index("apps.staff.apps.StaffConfig"), "apps.sandbox")

MIDDLEWARE = [
    "apps.web.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.web.middleware.SecurityHeadersMiddleware",
    "apps.authenticator.middleware.AuthenticatorHostMiddleware",
    "apps.xs2a.middleware.XS2AMiddleware",  # /v1/ goes no further than here.
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.web.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.web.middleware.IdleLogoutMiddleware",
    "apps.web.middleware.CustomerLanguageMiddleware",
    "apps.web.middleware.BodySizeMiddleware",  # Before anybody reads the body: the check for forgery does.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "bankportal.urls"
WSGI_APPLICATION = "bankportal.wsgi.application"

_LOADERS = [
    "django_cotton.cotton_loader.Loader",
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [("django.template.loaders.cached.Loader", _LOADERS)],
            "builtins": ["django_cotton.templatetags.cotton"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context_processors.shell",
            ],
        },
    },
]
COTTON_DIR = "cotton"
COTTON_ISOLATE_BY_DEFAULT = True  # A component sees its attributes, not the page around it.

# Data ------------------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **env.db("DATABASE_URL", default="postgres://postgres@127.0.0.1:5432/bankportal"),
        "ATOMIC_REQUESTS": False,  # A counted failure must survive the error it causes (reliability.md, trap 1).
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }
}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {
    "application_name": env("BANK_PROCESS", default="bankportal"),
    "connect_timeout": 5,
    # No statement may hold a lock or a worker for long (reliability.md 2.3).
    "options": "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if _cache_url := env("CACHE_URL", default=""):
    CACHES["default"] = env.cache_url_config(_cache_url)

# People ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:home"
SESSION_ENGINE = "apps.identity.sessions"
SESSION_COOKIE_NAME = "__Host-session" if USE_TLS else "session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # "Strict" would drop the session when a TPP sends the customer over.
SESSION_COOKIE_SECURE = USE_TLS
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-csrf" if USE_TLS else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = USE_TLS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "apps.web.errors.csrf_failure"

# Strong customer authentication: bounds in apps.core.legal_limits -------------------------------------
SCA_CODE_TTL_SECONDS = env.int("SCA_CODE_TTL_SECONDS", default=600)
# What text messages tell beside the code: "clear", what is signed (S1-15); "link", an address that opens it (S1-17).
# Clear is a fallback that a bank switches on (S3-29); the sandbox does, so that the story's messages can be read.
SCA_MESSAGE_CONTENT = env("SCA_MESSAGE_CONTENT", default="clear" if SANDBOX else "link")
# Up to which amount, in cents, a text message signs payments; 0: no cap (S1-25). The story pays by text message.
SCA_SMS_MAX_MINOR = env.int("SCA_SMS_MAX_MINOR", default=0 if SANDBOX else 250_000)
# Passkeys that a device may copy to others, as most telephones do: "refused" or "accepted" (RTS art. 7(2)).
SCA_SYNCED_PASSKEYS = env("SCA_SYNCED_PASSKEYS", default="refused")
# Who judges the surroundings in which the bank's app answers (RTS art. 9(3)): apps.sca.integrity.
SCA_APP_INTEGRITY = env("SCA_APP_INTEGRITY", default="apps.sca.integrity.DeclaredIntegrity")
# Push services to which the app may have itself woken, by the beginning of their addresses. Nothing is sent elsewhere.
SCA_PUSH_SERVICES = env.list(
    "SCA_PUSH_SERVICES",
    default=[
        "https://fcm.googleapis.com",
        "https://*.push.services.mozilla.com",
        "https://web.push.apple.com",
        "https://*.push.apple.com",
        "https://*.notify.windows.com",
    ],
)
# How long a number or passkey that was registered after a loss signs in only, and signs nothing.
SCA_COOL_DOWN_HOURS = env.int("SCA_COOL_DOWN_HOURS", default=24)
SCA_MAX_ATTEMPTS = env.int("SCA_MAX_ATTEMPTS", default=5)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=300)
SCA_AUTHORISATION_TTL_SECONDS = env.int("SCA_AUTHORISATION_TTL_SECONDS", default=1800)
# Unused codes only. Whoever tries things out in the sandbox leaves many behind.
SCA_SENDS_PER_10_MINUTES = env.int("SCA_SENDS_PER_10_MINUTES", default=10 if SANDBOX else 3)
# Which payments of a file are shown beside its total: bounded by apps.core.legal_limits.
SCA_BATCH_DISPLAY = env("SCA_BATCH_DISPLAY", default="riskiest")
AIS_UNATTENDED_PER_DAY_MAX = env.int("AIS_UNATTENDED_PER_DAY_MAX", default=4)
CONSENT_VALIDITY_DAYS_MAX = env.int("CONSENT_VALIDITY_DAYS_MAX", default=180)
# Exemptions: articles of the RTS by which a payment in the portal may go out without a code. None unless chosen.
SCA_EXEMPTIONS = env.list("SCA_EXEMPTIONS", default=[])
SCA_LOW_VALUE_MAX_MINOR = env.int("SCA_LOW_VALUE_MAX_MINOR", default=3_000)
SCA_LOW_VALUE_TOTAL_MAX_MINOR = env.int("SCA_LOW_VALUE_TOTAL_MAX_MINOR", default=10_000)
SCA_LOW_VALUE_COUNT_MAX = env.int("SCA_LOW_VALUE_COUNT_MAX", default=5)
# Where the authority's letter is filed by which it was satisfied of the processes for companies (art. 17).
SCA_CORPORATE_LETTER = env("SCA_CORPORATE_LETTER", default="")
# Days of the last audits of transaction risk analysis, such as 2026-03-31 (art. 3(2)).
SCA_RISK_ANALYSIS_LAST_AUDIT = _day(env("SCA_RISK_ANALYSIS_LAST_AUDIT", default=""))
SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT = _day(env("SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT", default=""))

# What may go out for a customer who has set nothing else, in cents; and the most that he can set.
PAYMENT_LIMIT_PER_PAYMENT_MINOR = env.int("PAYMENT_LIMIT_PER_PAYMENT_MINOR", default=1_000_000)
PAYMENT_LIMIT_PER_DAY_MINOR = env.int("PAYMENT_LIMIT_PER_DAY_MINOR", default=2_000_000)
PAYMENT_LIMIT_PORTAL_PER_DAY_MINOR = env.int("PAYMENT_LIMIT_PORTAL_PER_DAY_MINOR", default=2_000_000)
PAYMENT_LIMIT_XS2A_PER_DAY_MINOR = env.int("PAYMENT_LIMIT_XS2A_PER_DAY_MINOR", default=1_000_000)
PAYMENT_LIMIT_MAX_MINOR = env.int("PAYMENT_LIMIT_MAX_MINOR", default=10_000_000)
# Local time at the bank. An order that comes later counts as received on the next business day (PSD2 art. 78(1)).
SEPA_CUT_OFF = time.fromisoformat(env("SEPA_CUT_OFF", default="16:00"))
# Files of payments: how large one may be, how many of a customer are checked at once, and how many payments the engine
# books in one transaction.
BULK_FILE_MAX_BYTES = env.int("BULK_FILE_MAX_BYTES", default=128 * 1024 * 1024)
BULK_FILES_WAITING_MAX = env.int("BULK_FILES_WAITING_MAX", default=5)
BULK_SET_SIZE = env.int("BULK_SET_SIZE", default=5_000)
TARGET_2_CUT_OFF = time.fromisoformat(env("TARGET_2_CUT_OFF", default="17:00"))
# In cents: what other banks take of a transfer abroad whose payer pays all fees. Our own prices are in the price list.
FEE_OTHER_BANKS_MINOR = env.int("FEE_OTHER_BANKS_MINOR", default=2_000)

# Rails to other banks ----------------------------------------------------------------------------------
CLEARING_HOUSE = env("CLEARING_HOUSE", default="apps.clearing.houses.HTTPClearingHouse")
CLEARING_URL = env("CLEARING_URL", default="http://127.0.0.1:8200").rstrip("/")
CLEARING_KEY = env("CLEARING_KEY", default="")
# Ordinary transfers of so long go out in one message, of at most CLEARING_GROUP_SIZE; 0: of what happens to wait.
CLEARING_COLLECT_SECONDS = env.int("CLEARING_COLLECT_SECONDS", default=1)
# Below the ten seconds of the law, so that the payer has been told when they are over (260/2012 art. 5a(4)).
INSTANT_ANSWER_SECONDS = env.int("INSTANT_ANSWER_SECONDS", default=9)
CLEARING_ANSWER_SECONDS = env.int("CLEARING_ANSWER_SECONDS", default=24 * 3600)
CLEARING_RECONCILE_DELAY_SECONDS = env.int("CLEARING_RECONCILE_DELAY_SECONDS", default=5)
ISO20022_SCHEMAS_DIR = BASE_DIR / "docs" / "reference" / "contract" / "iso20022"

# Verification of Payee: asking other banks, and how many names one customer may look up in a day.
VOP_DIRECTORY = env(
    "VOP_DIRECTORY",
    default="apps.clearing.payee_directories.SimulatedPayeeDirectory"
    if SANDBOX
    else "apps.clearing.payee_directories.NoPayeeDirectory",
)
VOP_TIMEOUT_SECONDS = env.int("VOP_TIMEOUT_SECONDS", default=3)
VOP_LOOKUPS_PER_DAY = env.int("VOP_LOOKUPS_PER_DAY", default=50)
# The same for the payees of files, counted apart; a company pays more people than a person does.
VOP_BULK_LOOKUPS_PER_DAY = env.int("VOP_BULK_LOOKUPS_PER_DAY", default=1_000)
VOP_BULK_LOOKUPS_PER_DAY_BUSINESS = env.int("VOP_BULK_LOOKUPS_PER_DAY_BUSINESS", default=100_000)

SMS_GATEWAY = env(
    "SMS_GATEWAY",
    default="apps.sandbox.gateway.SandboxSMSGateway"
    if SANDBOX
    else "apps.notifications.gateways.HTTPSMSGateway",
)
SMS_HTTP_URL = env("SMS_HTTP_URL", default="")
SMS_HTTP_KEY = env("SMS_HTTP_KEY", default="")
SMS_HTTP_TEMPLATE = env("SMS_HTTP_TEMPLATE", default='{"to": "$to", "text": "$text"}')

LETTER_GATEWAY = env(
    "LETTER_GATEWAY",
    default="apps.sandbox.gateway.SandboxLetterGateway"
    if SANDBOX
    else "apps.notifications.gateways.HTTPLetterGateway",
)
LETTER_HTTP_URL = env("LETTER_HTTP_URL", default="")
LETTER_HTTP_KEY = env("LETTER_HTTP_KEY", default="")

# Messages --------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="filesystem://")
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Nobody gives workers orders here. On RabbitMQ the queue for orders is exclusive: a worker that is started right after
# its forerunner was killed finds it locked, and ends.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "Europe/Berlin"  # Of the hours in the schedule below.
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
if CELERY_BROKER_URL.startswith("filesystem://"):
    # Needs no server: files in one folder that every process polls each 20 ms.
    CELERY_BROKER_TRANSPORT = "bankportal.file_broker:Transport"
    _broker_dir = Path(env("CELERY_BROKER_DIR", default=str(VAR_DIR / "broker")))
    for _sub in ("messages", "control"):
        (_broker_dir / _sub).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        "data_folder_in": str(_broker_dir / "messages"),
        "data_folder_out": str(_broker_dir / "messages"),
        "control_folder": str(_broker_dir / "control"),
        "polling_interval": 0.02,
    }
elif CELERY_BROKER_URL.startswith(("amqp", "pyamqp")):
    # Without confirms a broker crash swallows what it had "accepted" (reliability.md, trap 9).
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True, "read_timeout": 10, "write_timeout": 10}
    CELERY_WORKER_CONSUMER = "bankportal.celery_consumer:Consumer"
    # A quorum queue is written to disk and, in a cluster, agreed on by most nodes before it is confirmed.
    CELERY_TASK_DEFAULT_QUEUE_TYPE = CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = "quorum"
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "consents-expire": {"task": "consents.expire_due", "schedule": schedule(60)},
    "payments-expire": {"task": "payments.expire_due", "schedule": schedule(60)},
    "payees-purge": {"task": "payees.purge_counts", "schedule": schedule(24 * 3600)},
    "standing-orders": {"task": "payments.execute_standing_orders", "schedule": schedule(20)},
    "payments-release": {"task": "payments.release_due", "schedule": schedule(20)},
    "bulk-expire": {"task": "bulk.expire_due", "schedule": schedule(60)},
    "bulk-release": {"task": "bulk.release_due", "schedule": schedule(20)},
    "clearing-reconcile": {"task": "clearing.reconcile_open", "schedule": schedule(60)},
    "fraud-count": {"task": "fraud.count_days", "schedule": schedule(300)},
    "sca-expire": {"task": "sca.expire_due", "schedule": schedule(60)},
    # Every five minutes: opens the day's screening, goes on with an interrupted one, takes in new customers.
    "screening-daily": {"task": "screening.begin_day", "schedule": schedule(300)},
    "authserver-purge": {"task": "authserver.purge_expired", "schedule": schedule(3600)},
    "ledger-fold": {"task": "ledger.fold_totals", "schedule": schedule(10), "options": {"queue": "engine"}},
    "ledger-expire-holds": {
        "task": "ledger.expire_holds",
        "schedule": schedule(60),
        "options": {"queue": "engine"},
    },
    # At night by the bank's clock on the wall; the days that were missed are closed too.
    "ledger-close": {
        "task": "ledger.close_days",
        "schedule": crontab(hour="0", minute="30"),
        "options": {"queue": "engine"},
    },
    # Behind the closing: accrues the days that were closed, books what is due; what was missed is caught up.
    "pricing-charge": {
        "task": "pricing.charge",
        "schedule": crontab(hour="1", minute="15"),
        "options": {"queue": "engine"},
    },
    "ledger-verify": {
        "task": "ledger.verify_books",
        "schedule": crontab(hour="2", minute="30"),
        "options": {"queue": "engine"},
    },
}
OUTBOX_REDELIVERY_SECONDS = env.int("OUTBOX_REDELIVERY_SECONDS", default=15)
OUTBOX_MAX_ATTEMPTS = env.int("OUTBOX_MAX_ATTEMPTS", default=8)
# Topics whose messages a worker carries out together, and how many at once.
OUTBOX_TOGETHER = {
    "engine.execute_payment": env.int("ENGINE_GROUP_SIZE", default=100),
    "engine.settle_payment": env.int("ENGINE_GROUP_SIZE", default=100),
    "clearing.collect": env.int("CLEARING_GROUP_SIZE", default=500),
}

# OAuth and OpenID Connect ----------------------------------------------------------------------------
OIDC_SIGNING_KEYS_DIR = env("OIDC_SIGNING_KEYS_DIR", default=str(VAR_DIR / "keys" / "oidc"))
OAUTH2_PROVIDER_APPLICATION_MODEL = "authserver.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "authserver.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "authserver.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "authserver.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "authserver.IDToken"
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "authserver.DeviceGrant"
OAUTH2_PROVIDER = _OAUTH2_PROVIDER

# The TPP interface -----------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# A page's form is no larger than that, files included; but for those that take files of customers who are signed in.
WEB_BODY_MAX_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE
WEB_LARGE_BODIES = {"/batches/new/": BULK_FILE_MAX_BYTES + 64 * 1024}
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.TemporaryFileUploadHandler"
]  # To disk, never to memory.
WEB_ERROR_RENDERERS = {
    "/v1/": "apps.xs2a.errors.render_unrouted",
    "/oauth/": "apps.authserver.errors.render_unrouted",
    "/api/": "apps.authenticator.errors.render_unrouted",
}

# Words and time --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# What programs call: answered in English, whatever the call's Accept-Language.
WEB_ENGLISH_ONLY_PATHS = [
    "/v1/",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/userinfo",
    "/oauth/jwks",
    "/.well-known/",
    "/health/",
    "/rails/",
]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = USE_TLS
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
USE_THOUSAND_SEPARATOR = False

# Files -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(VAR_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Transport and headers -------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = _CSP
SECURE_SSL_REDIRECT = USE_TLS
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # Load balancers probe inside, without TLS.
SECURE_HSTS_SECONDS = 63072000 if USE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = USE_TLS
SECURE_HSTS_PRELOAD = USE_TLS
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "apps.core.logs.RequestContextFilter"}},
    "formatters": {
        "line": {
            "()": "apps.core.logs.OneLineFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request"]}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"level": "WARNING"},
        # Anybody can send a wrong Host; the line "Bad Request" tells it, a traceback each would only fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "httpx": {"level": "WARNING"},
        "celery.redirected": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},  # A line for each task it sends, every ten seconds one.
    },
}
