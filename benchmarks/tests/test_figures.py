"""A figure is read from the rounds: the best of a peer's ways, and ratios of the same round alone."""

from benchmarks.figures import FIGURES, ITSELF, LOOP, OURS, Cell, Figure, Measured, Target, ratios, values

RATE = Figure("rate", "creates", Cell.CREATES, "rate", "/s", ())
TAIL = Figure("tail", "p99", Cell.CREATES, "p99", "ms", ())
TO_E = Target("E", 6)


def test_a_rate_takes_the_faster_way_of_each_round() -> None:
    rounds = rounds_of(threads=[each(rate=500), each(rate=900)], loop=[each(rate=800), each(rate=700)])
    assert values(rounds, "E", RATE) == [800, 900]


def test_a_latency_takes_the_quicker_way_of_each_round() -> None:
    rounds = rounds_of(threads=[each(p99=0.2)], loop=[each(p99=1.5)])
    assert values(rounds, "E", TAIL) == [0.2]


def test_a_way_that_failed_leaves_the_other() -> None:
    rounds = rounds_of(threads=[None, each(rate=500)], loop=[each(rate=800)])
    assert values(rounds, "E", RATE) == [800, 500]


def test_a_ratio_is_of_the_same_round() -> None:
    rounds = rounds_of(
        ours=[each(rate=4000), None, each(rate=3000)], threads=[each(rate=500), each(rate=1), each(rate=600)]
    )
    assert ratios(rounds, RATE, TO_E) == [8, 5]


def test_an_absolute_bound_is_held_against_our_value() -> None:
    rounds = rounds_of(ours=[each(p99=1.5), each(p99=2.5)])
    assert ratios(rounds, TAIL, Target(ITSELF, 2, at_least=False)) == [1.5, 2.5]


def test_two_values_of_one_cell_can_be_compared() -> None:
    rounds = rounds_of(ours=[each(rate=900, small=1000)])
    assert ratios(rounds, RATE, Target(OURS, 0.8, value="small")) == [0.9]


def test_nothing_is_asked_of_a_target_without_a_bound() -> None:
    assert Target(OURS, None).met(0.1) is None
    assert Target(OURS, 0.8).met(0.1) is False


def test_every_figure_is_measured_on_ours() -> None:
    assert [figure.key for figure in FIGURES if OURS not in figure.cell.peers] == []


def test_every_figure_has_a_key_of_its_own() -> None:
    keys = [figure.key for figure in FIGURES]
    assert len(keys) == len(set(keys))


def each(**measured: float) -> Measured:
    """What a cell gave."""
    return measured


def rounds_of(
    *,
    ours: list[Measured | None] | None = None,
    threads: list[Measured | None] | None = None,
    loop: list[Measured | None] | None = None,
) -> dict[tuple[str, Cell], list[Measured | None]]:
    """Rounds of creates."""
    found = {OURS: ours, "E": threads, LOOP: loop}
    return {(peer, Cell.CREATES): rounds for peer, rounds in found.items() if rounds is not None}
