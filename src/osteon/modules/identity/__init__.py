"""Identity: people, their passwords, their sessions."""

from osteon.domain import ADMINISTRATOR, MEMBER, Limit, Module, Prepare, Present
from osteon.modules.identity.account import AddPerson, account
from osteon.modules.identity.ended import ended, sessions
from osteon.modules.identity.gate import (
    address_of,
    prepare_add_person,
    prepare_log_in,
    prepare_log_out,
    prepare_refresh,
    present_end,
    present_tokens,
)
from osteon.modules.identity.people import GetPerson, ListPeople, credentials, people
from osteon.modules.identity.provisioning import enrol_administrator
from osteon.modules.identity.session import LogIn, LogOut, RefreshSession, session

__all__ = ["identity"]

identity = Module(
    "identity",
    parts=[
        account,
        people,
        credentials,
        session,
        sessions,
        ended,
        enrol_administrator,
        Prepare(prepare_add_person),
        Prepare(prepare_log_in),
        Prepare(prepare_refresh),
        Prepare(prepare_log_out),
        Present(present_tokens),
        Present(present_end),
    ],
    grants={MEMBER: [LogOut], ADMINISTRATOR: [AddPerson, GetPerson, ListPeople]},
    guests=[LogIn, RefreshSession],
    limits=[Limit(LogIn, by=address_of, per_minute=60, rejected_per_minute=20)],
)
