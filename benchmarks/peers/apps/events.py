"""Peer E: notes as event-sourced aggregates on FastAPI and `eventsourcing`, kept in SQLite, a token verified per request.

Written as the library's own example for FastAPI: one application object in the process, plain functions as endpoints,
which FastAPI runs in its pool of threads. With ENDPOINTS=loop they run on the event loop instead and hold it up; that
costs less, and some callers wait long. TOKEN_KEY comes from the environment, too.
"""

import os
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import jwt
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from notebook import Notebook, identifier
from pydantic import BaseModel, Field

ULID = Annotated[str, Field(min_length=26, max_length=26)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class NewNote(BaseModel):
    """What a client sends to create a note."""

    id: ULID
    scope: ULID
    name: Name


class Renaming(BaseModel):
    """What a client sends to rename a note."""

    name: Name


class Change(BaseModel):
    """Which version of a note a command made."""

    id: str
    version: int


app = FastAPI()
notebook = Notebook()
bearer = HTTPBearer()


async def person(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """Give the person that the token names, verified on each request."""
    try:
        claims = jwt.decode(credentials.credentials, os.environ["TOKEN_KEY"], algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from error
    return str(claims["sub"])


def endpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give what FastAPI is to call: the function itself, for a thread, or a coroutine of it, for the loop."""

    @wraps(function)
    async def on_the_loop(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return on_the_loop if os.environ.get("ENDPOINTS") == "loop" else function


Person = Annotated[str, Depends(person)]


@app.post("/notes", status_code=status.HTTP_201_CREATED)
@endpoint
def create_note(new: NewNote, _: Person) -> Change:
    """Create a note."""
    try:
        return Change(id=new.id, version=notebook.create(identifier(new.id), new.scope, new.name))
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT) from error


@app.patch("/notes/{note}")
@endpoint
def rename_note(note: ULID, renaming: Renaming, _: Person) -> Change:
    """Give a note another name."""
    try:
        return Change(id=note, version=notebook.rename(identifier(note), renaming.name))
    except AggregateNotFoundError as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND) from error
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT) from error
