"""Dead letters that an operator has replayed or passed over: how far their strand is."""

from collections.abc import AsyncIterator
from typing import Any, cast

from osteon.engine import Engine
from osteon.model import TenantId
from osteon.modules.operations import DeadLetterId, ParkedLetters, ReplayDeadLetter, SkipDeadLetter
from osteon.ports.dead_letters import Strand

__all__ = ["LetterWork"]

_EVERY = 0.1


class LetterWork:
    """Waits until a strand has gone on as far as it can. What it does follows from the recorded event, not from here."""

    commands = (ReplayDeadLetter, SkipDeadLetter)

    def __init__(self, engine: Engine) -> None:
        """Looks at the strands of `engine`."""
        self._engine = engine
        self._strands: dict[DeadLetterId, Strand] = {}

    def expect(self, command: ReplayDeadLetter | SkipDeadLetter, tenant: TenantId) -> None:
        """See `Work.expect`: whether it waits, the letter itself knows; where it stands is known only as long as it does."""
        row = self._letters(tenant).row(command.dead_letter)
        if row is not None:
            self._strands[command.dead_letter] = Strand(tenant, row.handler, row.about)

    async def progress(
        self, command: ReplayDeadLetter | SkipDeadLetter, tenant: TenantId
    ) -> AsyncIterator[dict[str, Any]]:
        """How many wait on the strand, now and then until nothing is done on it any more; then why the first failed again."""
        strand = self._strands.pop(command.dead_letter, None)
        while strand is not None and self._engine.strands.is_busy(strand):
            yield {"waiting": len(self._letters(tenant).of(strand))}
            await self._engine.ports.clock.sleep(_EVERY)
        left = [] if strand is None else self._letters(tenant).of(strand)
        yield {"waiting": len(left), "error": left[0].error if left else None}

    def _letters(self, tenant: TenantId) -> ParkedLetters:
        return cast("ParkedLetters", self._engine.indexes.dead_letters(tenant))
