"""What all environments share; see the table of settings in README.md."""

from urllib.parse import urlsplit

from config.logs import configure_logging

from .console import UNFOLD  # noqa: F401
from .environment import (
    BASE_DIR,
    DATA_DIR,
    argon2,
    database,
    env,
    identity_pools,
    one_of,
    quotas,
    retention,
    secret_from,
    sms,
    triggers,
)

DEBUG = False
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "userpools.Operator"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = [
    urlsplit(PUBLIC_URL).hostname or "127.0.0.1",
    *env.list("ALLOWED_HOSTS", default=[]),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "oauth2_provider",
    "userpools",
    "federation",
    "identitypools",
    "triggers",
    "hosted_ui",
]

# For pages and the console only: the JSON endpoints go round it (config/wsgi.py).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "userpools.views.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database()}

STATIC_URL = "/static/"
# Static files come from the apps themselves, so that a start needs no collectstatic.
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_NAME = "__Host-console" if SECURE else "console"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_AGE = 8 * 3600
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_COOKIE_SECURE = SECURE
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = False  # TLS ends at the proxy; forwarded headers are not trusted by default
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE

AUTHENTICATION_BACKENDS = ["userpools.console_login.OperatorBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

# All six swappable models live in userpools' first migration; the package's own migrations would
# read tables that do not exist.
OAUTH2_PROVIDER_APPLICATION_MODEL = "userpools.AppClient"
OAUTH2_PROVIDER_GRANT_MODEL = "userpools.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "userpools.AccessToken"  # noqa: S105
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "userpools.RefreshToken"  # noqa: S105
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "userpools.IDToken"  # noqa: S105
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "userpools.DeviceGrant"
MIGRATION_MODULES = {"oauth2_provider": None}
OAUTH2_PROVIDER = {
    "OIDC_ENABLED": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    **{
        f"{name}_ADMIN_CLASS": "django.contrib.admin.ModelAdmin"
        for name in ("APPLICATION", "ACCESS_TOKEN", "GRANT", "ID_TOKEN", "REFRESH_TOKEN")
    },
}

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
}

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CELERY_BROKER_URL = REDIS_URL or "memory://"
# A broker that does not answer must not hold requests: the bell is lost, the row is found later.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 15}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "messages": {"task": "userpools.tasks.deliver_due_messages", "schedule": 5.0},
    "sweep": {"task": "userpools.tasks.sweep_expired", "schedule": 300.0},
    "events": {"task": "triggers.tasks.run_due_events", "schedule": 5.0},
}

DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default=f"no-reply@{urlsplit(PUBLIC_URL).hostname or 'localhost'}"
)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024 + 4096
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy redirects to https
    # django-oauth-toolkit on behaviour of its own that is not in use here: the implicit grant and
    # http redirects are a client's setting, tokens are not stored, refresh rotation is ours.
    *(f"oauth2_provider.W00{number}" for number in (1, 5, 6, 7, 8)),
]

LOGGING_CONFIG = None
configure_logging(env.str("LOG_LEVEL", default="INFO"))

POOLHOUSE: dict[str, object] = {
    "DATA_DIR": DATA_DIR,
    "PUBLIC_URL": PUBLIC_URL,
    "MASTER_KEYS": secret_from("POOLHOUSE_MASTER_KEY"),
    "MASTER_KEY_PATH": env.str("POOLHOUSE_MASTER_KEY_FILE", default=""),
    "ACCOUNT_ID": env.str("POOLHOUSE_ACCOUNT_ID", default="000000000000"),
    "REGIONS": tuple(env.list("POOLHOUSE_REGIONS", default=[])),
    "DEFAULT_REGION": env.str(
        "AWS_REGION", default=env.str("AWS_DEFAULT_REGION", default="us-east-1")
    ),
    "AUTH_DOMAIN_SUFFIX": env.str("POOLHOUSE_AUTH_DOMAIN_SUFFIX", default="").strip(".").lower(),
    "TRUSTED_PROXIES": tuple(env.list("POOLHOUSE_TRUSTED_PROXIES", default=[])),
    "QUOTAS": quotas(),
    "ARGON2": argon2(),
    "RETENTION": retention(),
    "REDIS_URL": REDIS_URL,
    "OUTBOUND_PRIVATE": one_of("POOLHOUSE_OUTBOUND_PRIVATE", "deny", "allow") == "allow",
    "AWS_TARGETS": tuple(env.list("POOLHOUSE_AWS_TARGETS", default=[])),
    **sms(),
    **triggers(),
    **identity_pools(),
    # Without Redis a worker runs inside the process that serves.
    "IN_PROCESS_WORKER": env.bool("POOLHOUSE_IN_PROCESS_WORKER", default=not REDIS_URL),
}
