"""An account: a person who can log in, with the hash of a password."""

from typing import Annotated

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept
from osteon.messages import Command, Event
from osteon.model import AccountId, Personal, Sealed, Secret, Value

__all__ = ["Account", "AddPerson", "EnrolPerson", "PersonEnrolled", "account"]

Locale = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")]


class AddPerson(Command[AccountId]):
    """Add a person who can log in with an email address and a password."""

    account: AccountId | None = None
    email: Personal[str]
    person: Personal[str]
    password: Secret[str]
    locale: Locale = "en"


class EnrolPerson(Command[AccountId], internal=True):
    """Enrol a person: what adding one is prepared to, with a hash in place of the password."""

    account: AccountId
    email: Personal[str]
    person: Personal[str]
    password: Sealed[str]
    locale: Locale


class PersonEnrolled(Event):
    """A person can log in from now on."""

    account: AccountId
    email: Personal[str]
    person: Personal[str]
    password: Sealed[str]
    locale: str


class Account(Value):
    """What is remembered of an account."""

    account: AccountId


def create(command: EnrolPerson, context: InvocationContext) -> Decision:
    """Whoever may add people has been asked at the gateway."""
    enrolled = PersonEnrolled(
        account=command.account,
        email=command.email,
        person=command.person,
        password=command.password,
        locale=command.locale,
    )
    return accept(enrolled, answer=command.account)


def begin(event: PersonEnrolled) -> Account:
    """An account as it starts."""
    return Account(account=event.account)


account = Decider("account", create=create, begin=begin)
