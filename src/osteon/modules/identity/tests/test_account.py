"""Accounts: people who can log in, as they are seen and as a log-in finds them."""

import pytest

from osteon.domain.testing import ACTOR, given, rows
from osteon.model import Leak, Personal, Sealed, answer_json
from osteon.modules.identity.account import EnrolPerson, PersonEnrolled, account
from osteon.modules.identity.people import CredentialsRow, PersonRow, credentials, people, same_address

EMAIL, NAME, HASH = Personal("Ada.L+work@Acme.example"), Personal("Ada"), Sealed("hash")
ENROLLED = PersonEnrolled(account=ACTOR, email=EMAIL, person=NAME, password=HASH, locale="en")


def test_is_enrolled_with_a_hash() -> None:
    enrol = EnrolPerson(account=ACTOR, email=EMAIL, person=NAME, password=HASH, locale="en")
    given(account).when(enrol).then(ENROLLED).answers(ACTOR)


def test_is_seen_without_the_hash() -> None:
    assert rows(people, ENROLLED) == [PersonRow(account=ACTOR, email=EMAIL, person=NAME, locale="en")]


def test_is_found_by_the_address_as_compared() -> None:
    email = Personal("ada.l@acme.example")
    assert rows(credentials, ENROLLED) == [CredentialsRow(account=ACTOR, email=email, password=HASH, locale="en")]


def test_answers_no_hash_to_a_client() -> None:
    with pytest.raises(Leak):
        answer_json(ENROLLED)


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        ("ada@acme.example", "ada@acme.example"),
        ("  ADA@ACME.example ", "ada@acme.example"),
        ("ada+news@acme.example", "ada@acme.example"),
        ("ada+a+b@acme.example", "ada@acme.example"),
        ('"a@b"@acme.example', '"a@b"@acme.example'),
    ],
)
def test_compares_addresses_as_people_do(typed: str, compared: str) -> None:
    assert same_address(typed) == compared
