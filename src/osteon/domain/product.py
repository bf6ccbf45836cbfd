"""The product: modules put together, checked to be whole, and looked up by message."""

from collections.abc import Iterator, Sequence
from typing import Any

from osteon.domain.decider import Decider
from osteon.domain.gate import Answer, Prepare, Present
from osteon.domain.history import EntityHistory, history_query
from osteon.domain.module import Module
from osteon.domain.reaction import Reaction
from osteon.domain.role import STANDARD_ROLES, Role
from osteon.domain.saga import Saga
from osteon.domain.sink import Sink
from osteon.domain.view import Find, View
from osteon.messages import Catalogue, Command, Event, MessageType, Query, wire_name
from osteon.model import Misdeclared

__all__ = ["Product"]

AnyDecider = Decider[Any, Any, Any, Any, Any]
AnyView = View[Any, Any, Any]


class Product:
    """All modules of a running system. Making one checks it: whatever is missing or doubled is said now, not at midnight.

    Attributes:
        name: The product's name.
        modules: Its modules.
        catalogue: Every message type by its wire name.
        deciders: The decider of each command type.
        entities: The decider of each entity, by its name.
        views: The view that answers each query type.
        histories: The decider whose history each query type asks for.
        preparing: The preparation of each public command type that has one.
        presenting: The presentation of each event type that has one.
        answering: The answer to each query type that no view answers.
        operated: The commands that an operator may ask, by their wire names.
    """

    def __init__(self, name: str, modules: Sequence[Module], world: object = None) -> None:
        """Puts `modules` together.

        Args:
            name: The product's name.
            modules: Its modules.
            world: What an installation begins with, made by the application; None for no more than the tenant `house`.

        Raises:
            Misdeclared: Something is declared twice, by nobody, or granted to nobody.
        """
        self.name = name
        self.modules = tuple(modules)
        self.world = world
        self.deciders: dict[type[Any], AnyDecider] = {}
        self.entities: dict[str, AnyDecider] = {}
        self.views: dict[type[Any], AnyView] = {}
        self.histories: dict[type[Any], AnyDecider] = {}
        self.preparing: dict[type[Any], Prepare] = {}
        self.presenting: dict[type[Any], Present] = {}
        self.answering: dict[type[Any], Answer] = {}
        self._module_of_entity: dict[str, str] = {}
        self._collect()
        self.catalogue = Catalogue(self._types())
        self.operated = {wire_name(type): self.catalogue[wire_name(type)] for type in self._operators()}
        self._granted = self._grants()
        self._check()

    @property
    def all_views(self) -> list[AnyView]:
        """The views of all modules."""
        return [view for module in self.modules for view in module.views]

    @property
    def all_reactions(self) -> list[tuple[Module, Reaction[Any]]]:
        """The reactions of all modules, each with its module."""
        return [(module, reaction) for module in self.modules for reaction in module.reactions]

    @property
    def all_sagas(self) -> list[tuple[Module, Saga[Any, Any, Any]]]:
        """The sagas of all modules, each with its module."""
        return [(module, saga) for module in self.modules for saga in module.sagas]

    @property
    def all_sinks(self) -> list[tuple[Module, Sink[Any]]]:
        """The sinks of all modules, each with its module."""
        return [(module, sink) for module in self.modules for sink in module.sinks]

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that can be held: the standard ones, and those that modules name."""
        named = (inner for module in self.modules for role in module.grants for inner in role.all())
        return tuple({role.name: role for role in (*STANDARD_ROLES, *named)}.values())

    def module_of(self, decider: AnyDecider) -> str:
        """The name of the module that declares a decider: the keys of its problems begin with it."""
        return self._module_of_entity[decider.entity]

    def policies(self) -> dict[str, list[str]]:
        """Permissions by policy; a policy is what one module grants to one role, named `<module>.<role>`."""
        return {name: sorted(types) for name, types in self._granted.items()}

    def role_policies(self) -> dict[str, list[str]]:
        """Policies by role, those of included roles among them."""
        names = {role.name: {inner.name for inner in role.all()} for role in self.roles}
        return {
            role: sorted(policy for policy in self._granted if policy.rpartition(".")[2] in inner)
            for role, inner in names.items()
        }

    def guests(self) -> list[str]:
        """The wire names of what needs no log-in."""
        return sorted(wire_name(type) for module in self.modules for type in module.guests)

    def _collect(self) -> None:
        named: dict[str, AnyView] = {}
        for module in self.modules:
            for decider in module.deciders:
                _once(self.entities, decider.entity, decider, "The entity")
                self._module_of_entity[decider.entity] = module.name
                self.histories[history_query(decider.entity)] = decider
                for command in decider.commands:
                    _once(self.deciders, command, decider, "The command")
            for view in module.views:
                _once(named, view.name, view, "The view")
                for query in view.queries:
                    _once(self.views, query, view, "The query")
            for part in module.parts:
                match part:
                    case Prepare():
                        self.preparing |= dict.fromkeys(part.commands, part)
                    case Present():
                        self.presenting |= dict.fromkeys(part.events, part)
                    case Answer():
                        self.answering |= dict.fromkeys(part.queries, part)
                    case _:
                        pass

    def _types(self) -> Iterator[MessageType]:
        for module in self.modules:
            seen = dict.fromkeys(type for type in module.messages())
            for type in seen:
                yield MessageType(type, module.name)
        for query, decider in self.histories.items():
            yield MessageType(query, self.module_of(decider))

    def _operators(self) -> Iterator[type[Command[Any]]]:
        """What operators may ask: nothing that a client can send too, and nothing that another module decides."""
        for module in self.modules:
            for command in module.operators:
                decider = self.deciders.get(command)
                if decider is None or self.module_of(decider) != module.name:
                    raise Misdeclared(
                        f"'{module.name}' lets operators ask '{command.__name__}', which none of its deciders decides."
                    )
                if not command.internal:
                    raise Misdeclared(
                        f"'{module.name}' lets operators ask '{command.__name__}', which clients can send: say internal=True."
                    )
                yield command

    def _grants(self) -> dict[str, set[str]]:
        granted: dict[str, set[str]] = {}
        for module in self.modules:
            for role, types in module.grants.items():
                granted.setdefault(f"{module.name}.{role.name}", set()).update(wire_name(type) for type in types)
        for query, decider in self.histories.items():
            getters = {wire_name(get) for get in self._getters(decider)}
            for names in granted.values():
                if names & getters:
                    names.add(wire_name(query))
        for _, saga in self.all_sagas:
            about = self.entities.get(saga.about)
            getters = set[str]() if about is None else {wire_name(get) for get in self._getters(about)}
            for names in granted.values():
                if names & getters:
                    names.update(wire_name(query) for query in (*saga.view.queries, history_query(saga.name)))
        return granted

    def _getters(self, decider: AnyDecider) -> Iterator[type[Query[Any]]]:
        """The queries that get one entity of a kind: whoever may ask them may see its history."""
        for query, view in self.views.items():
            if issubclass(query, Find) and view.key == decider.entity and decider.entity in view.filters[query]:
                yield query

    def _check(self) -> None:
        reachable = {type for types in self._granted.values() for type in types} | set(self.guests())
        # Where nobody may get what a saga is about, nobody may see where the saga stands.
        reachable |= {wire_name(query) for _, saga in self.all_sagas for query in saga.view.queries}
        for message in self.catalogue:
            if message.public and message.name not in reachable and not issubclass(message.type, EntityHistory):
                raise Misdeclared(
                    f"'{message.type.__name__}' is public, but no role is granted it and guests are not let in."
                )
            if message.kind == "command" and message.public and not self._decided(message.type):
                raise Misdeclared(f"Nobody decides '{message.type.__name__}': give it a decider, or a preparation.")
            if message.kind == "query" and not self._answered(message.type):
                raise Misdeclared(f"Nobody answers '{message.type.__name__}': give it a view, or an answer.")
        self._check_grants()
        self._check_handlers()
        self._check_followed()

    def _decided(self, command: type[Command[Any]] | type[Any]) -> bool:
        return command in self.deciders or command in self.preparing

    def _answered(self, query: type[Any]) -> bool:
        return query in self.views or query in self.answering or query in self.histories

    def _check_grants(self) -> None:
        for module in self.modules:
            for type in (*(each for types in module.grants.values() for each in types), *module.guests):
                known = self.catalogue.get(wire_name(type))
                if known is None or known.type is not type:
                    raise Misdeclared(f"'{module.name}' grants '{type.__name__}', which is in no part of a module.")

    def _check_handlers(self) -> None:
        """Keys, places and dead letters are kept under the name of a reaction, a saga or a sink."""
        handlers: dict[str, object] = {}
        every: list[tuple[Module, Reaction[Any] | Saga[Any, Any, Any] | Sink[Any]]]
        every = [*self.all_reactions, *self.all_sagas, *self.all_sinks]
        for _, handler in every:
            _once(handlers, handler.name, handler, "The reaction, saga or sink")

    def _check_followed(self) -> None:
        """Whatever follows events must be able to: its own module's, or those that another one exports."""
        home: dict[type[Event], str] = {
            event: module.name for module in self.modules for decider in module.deciders for event in decider.events
        }
        exported = {event for module in self.modules for event in module.exports}
        followed = [
            (module.name, event, f"the view '{part.name}' of '{module.name}' follows")
            for module in self.modules
            for part in module.views
            for event in part.events
        ]
        followed += [
            (module.name, event, f"'{module.name}' reacts to")
            for module, reaction in self.all_reactions
            for event in reaction.events
        ]
        followed += [
            (module.name, event, f"the saga '{saga.name}' of '{module.name}' follows")
            for module, saga in self.all_sagas
            for event in saga.events
        ]
        followed += [
            (module.name, event, f"the sink '{sink.name}' of '{module.name}' follows")
            for module, sink in self.all_sinks
            for event in sink.events
        ]
        for module, event, says in followed:
            of = home.get(event)
            if of is None:
                raise Misdeclared(f"{says[0].upper()}{says[1:]} '{event.__name__}', which no decider lets happen.")
            if of != module and event not in exported:
                raise Misdeclared(
                    f"{says[0].upper()}{says[1:]} '{event.__name__}', which no module exports; add it to the exports of '{of}'."
                )


def _once(known: dict[Any, Any], key: Any, value: Any, what: str) -> None:
    if known.setdefault(key, value) is not value:
        name = key if isinstance(key, str) else key.__name__
        raise Misdeclared(f"{what} '{name}' is declared twice; one of them must go or be renamed.")
