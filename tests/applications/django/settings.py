"""The smallest Django project that has users: two of Django's own applications, and the server that the test started."""

import os

SECRET_KEY = "only for this test"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["ACCT_HOST"],
        "PORT": os.environ["ACCT_PORT"],
        "NAME": os.environ["ACCT_DATABASE"],
        "USER": "postgres",
    }
}
# Django's usual hash; how many rounds it takes is decided in hasher.py.
PASSWORD_HASHERS = ["hasher.OneRound"]
