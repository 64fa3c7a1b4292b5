"""Real hashes in Django's usual form (pbkdf2_sha256$…), cheap enough to make tens of thousands of them."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    iterations = 1
