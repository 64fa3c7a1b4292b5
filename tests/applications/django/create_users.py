"""create_users.py COUNT: lets Django make its tables by its own migrations and users by its own API.

Every tenth user has no usable password, every hundredth is staff, two of three have logged in, every fourth is in one
group or two.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402

# First and last names as people have them, and some that a file format could stumble over.
NAMES = [
    ("Zoë", "Müller-Lüdenscheidt"),
    ("Siobhán", "O'Neill"),
    ("Łukasz", "Żółć"),
    ("Ἀλέξανδρος", "Παπαδόπουλος"),
    ("Наталья", "Ёлкина"),
    ("محمد", "عبد الرحمن"),
    ("שירה", "כהן"),
    ("आकाश", "शर्मा"),
    ("สมชาย", "ใจดี"),
    ("美咲", "佐藤"),
    ("秀英", "王"),
    ("민준", "김"),
    ("Ngọc Ánh", "Nguyễn"),
    ("İpek", "Çağlayan"),
    ("👩🏽‍🚀 Ada", "𝒮𝓂𝒾𝓉𝒽"),
    ("=1+1", '@SUM(A1:A9)'),
    ('Anna "Nan"', "Smith, Jr.; PhD"),
    (" Two\nlines", "tab\there "),
    ("", ""),
]
# All of these begin a user name that Django's own validator accepts.
MARKS = ["", "", "", "@", "+", "-", "_", "."]
START = datetime(2024, 1, 1, 8, 30, 15, 250_000, tzinfo=timezone.utc)


def user(number: int) -> User:
    first, last = NAMES[number % len(NAMES)]
    made = User(
        username=f"{MARKS[number % len(MARKS)]}user.{number:06}",
        first_name=first,
        last_name=last,
        email=f"user.{number}@example.org" if number % 7 else "",
        is_staff=number % 100 == 0,
        is_active=number % 11 != 0,
        is_superuser=number % 1000 == 0,
        date_joined=START + timedelta(minutes=7 * number),
        last_login=START + timedelta(days=400, seconds=number) if number % 3 else None,
    )
    if number % 10 == 0:
        made.set_unusable_password()
    else:
        made.password = make_password(f"correct horse {number}")
    return made


def main() -> None:
    count = int(sys.argv[1])
    call_command("migrate", verbosity=0)
    users = User.objects.bulk_create((user(number) for number in range(1, count + 1)), batch_size=2000)
    groups = [Group.objects.create(name=name) for name in ("Éditeurs", "Support, 24/7", "監査")]
    membership = User.groups.through
    membership.objects.bulk_create(
        (
            membership(user_id=one.pk, group_id=groups[(one.pk + more) % 3].pk)
            for one in users[::4]
            for more in range(1 + one.pk % 2)
        ),
        batch_size=5000,
    )


main()
