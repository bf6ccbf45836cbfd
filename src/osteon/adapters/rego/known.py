"""Known answers: a small rulebook, and one question for each arm of the policy with the ruling that is right."""

from osteon.ports.policies import Bundle, Question, RoleHeld, Rulebook, Ruling

__all__ = ["KNOWN_ANSWERS", "SAMPLE", "STRANGER"]

SAMPLE = Rulebook(
    roles={"editor": Bundle(("text.editor",)), "reader": Bundle(("text.reader",))},
    policies={"text.editor": ("get-text", "move-text"), "text.reader": ("get-text",)},
    guests=("log-in",),
)

STRANGER = Question(type="a-type-of-no-product", roles=(), path=(), guest=True)
"""Asks for nothing that any product has: refused by every rulebook."""

_EDITOR = (RoleHeld("editor", "eu"),)
_BOTH = (RoleHeld("reader", "root"), *_EDITOR)

KNOWN_ANSWERS = (
    (Question("log-in", (), ("root",), guest=True), Ruling(allowed=True, reason="guest")),
    (Question("get-text", _BOTH, ("root", "eu", "fr")), Ruling(allowed=True, reason="granted", role="editor")),
    (
        Question("move-text", _EDITOR, ("root", "eu", "fr"), also=("root", "eu")),
        Ruling(allowed=True, reason="granted", role="editor"),
    ),
    (Question("no-such-type", _BOTH, ("root", "eu")), Ruling(allowed=False, reason="unknown-type")),
    (Question("get-text", _BOTH, ("root", "eu"), guest=True), Ruling(allowed=False, reason="guests-not-allowed")),
    (Question("get-text", _EDITOR, ("root", "us")), Ruling(allowed=False, reason="no-role-here")),
    (Question("move-text", _BOTH, ("root", "us")), Ruling(allowed=False, reason="not-granted")),
    (
        Question("move-text", _EDITOR, ("root", "eu"), also=("root", "us")),
        Ruling(allowed=False, reason="no-role-there"),
    ),
    (
        Question("move-text", _BOTH, ("root", "eu"), also=("root", "us")),
        Ruling(allowed=False, reason="not-granted-there"),
    ),
    (Question("move-text", _EDITOR, ("root", "eu"), also=()), Ruling(allowed=False, reason="no-role-there")),
)
