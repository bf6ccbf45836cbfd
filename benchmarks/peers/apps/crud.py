"""Peer P: notes as plain CRUD on FastAPI, SQLAlchemy, asyncpg and PostgreSQL, a bearer token verified per request.

Written as the frameworks' own guides write it, with a pool as large as the number of connections. It keeps no history,
no audit and no record of retries. Settings come from the environment: DATABASE_URL and TOKEN_KEY.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ULID = Annotated[str, Field(min_length=26, max_length=26)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Table(DeclarativeBase):
    """The tables of this program."""


class NoteRow(Table):
    """A note as it is kept."""

    __tablename__ = "notes"
    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    scope: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(200))
    archived: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("notes_of_a_scope", "scope", "id"),)


class NewNote(BaseModel):
    """What a client sends to create a note."""

    id: ULID
    scope: ULID
    name: Name


class Renaming(BaseModel):
    """What a client sends to rename a note."""

    name: Name


class Note(BaseModel):
    """A note as clients see it."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    scope: str
    name: str
    archived: bool


class Notes(BaseModel):
    """A page of notes."""

    items: list[Note]


engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=64, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
bearer = HTTPBearer()


async def database() -> AsyncIterator[AsyncSession]:
    """Give a session for the length of a request."""
    async with sessions() as session:
        yield session


async def person(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """Give the person that the token names, verified on each request."""
    try:
        claims = jwt.decode(credentials.credentials, os.environ["TOKEN_KEY"], algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from error
    return str(claims["sub"])


Session = Annotated[AsyncSession, Depends(database)]
Person = Annotated[str, Depends(person)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables where they are missing, and close the pool at the end."""
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/notes", status_code=status.HTTP_201_CREATED)
async def create_note(new: NewNote, session: Session, _: Person) -> Note:
    """Create a note."""
    row = NoteRow(id=new.id, scope=new.scope, name=new.name, archived=False)
    session.add(row)
    await session.commit()
    return Note.model_validate(row)


@app.patch("/notes/{note}")
async def rename_note(note: str, renaming: Renaming, session: Session, _: Person) -> Note:
    """Give a note another name."""
    row = await session.get(NoteRow, note)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    row.name = renaming.name
    await session.commit()
    return Note.model_validate(row)


@app.get("/notes/{note}")
async def get_note(note: str, session: Session, _: Person) -> Note:
    """Give one note."""
    row = await session.get(NoteRow, note)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return Note.model_validate(row)


@app.get("/notes")
async def list_notes(scope: str, session: Session, _: Person, limit: int = 20) -> Notes:
    """Give the first notes of a scope."""
    rows = await session.scalars(select(NoteRow).where(NoteRow.scope == scope).order_by(NoteRow.id).limit(limit))
    return Notes(items=[Note.model_validate(row) for row in rows])
