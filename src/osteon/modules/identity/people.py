"""People: who can log in, as others see them, and as the log-in finds them."""

from osteon.domain import Browse, Find, Row, View
from osteon.model import AccountId, Personal, Sealed
from osteon.modules.identity.account import PersonEnrolled

__all__ = [
    "CredentialsRow",
    "FindCredentials",
    "GetPerson",
    "ListPeople",
    "PersonRow",
    "credentials",
    "people",
    "same_address",
]


class PersonRow(Row):
    """A person as others see them."""

    account: AccountId
    email: Personal[str]
    person: Personal[str]
    locale: str


class GetPerson(Find[PersonRow]):
    """One person."""

    account: AccountId


class ListPeople(Browse[PersonRow]):
    """The people of the tenant."""

    locale: str | None = None


class CredentialsRow(Row):
    """What a log-in is checked against; `email` is in the form in which addresses are compared."""

    account: AccountId
    email: Personal[str]
    password: Sealed[str]
    locale: str


class FindCredentials(Find[CredentialsRow], internal=True):
    """The credentials under an address."""

    email: Personal[str]


def same_address(email: str) -> str:
    """The form in which addresses are compared: upper and lower case alike, without what follows a plus sign."""
    name, _, domain = email.strip().casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def begin_person(event: PersonEnrolled) -> PersonRow:
    """A person's row."""
    return PersonRow(account=event.account, email=event.email, person=event.person, locale=event.locale)


def begin_credentials(event: PersonEnrolled) -> CredentialsRow:
    """The row that a log-in finds."""
    email = Personal(same_address(event.email.reveal()))
    return CredentialsRow(account=event.account, email=email, password=event.password, locale=event.locale)


people = View(begin=begin_person, queries=[GetPerson, ListPeople])
credentials = View(begin=begin_credentials, queries=[FindCredentials])
