"""Cutting documents: laws that hold for any, and cases that once were cut wrongly."""

from hypothesis import given
from hypothesis import strategies as st

from copilot.retrieval.packs.blocks import Block, Document
from copilot.retrieval.packs.sections import MAX_ANSWER_WORDS, MAX_WORDS, passages_of, section_of

WORDS = st.lists(st.sampled_from(["parcel", "desk", "Is", "it", "42", "open."]), min_size=1)
TEXTS = st.one_of(
    WORDS.map(" ".join),
    st.text(max_size=40),
    st.integers(1, 120).map(lambda n: "The parcel waits at the desk. " * n),
)
BLOCKS = st.lists(
    st.builds(Block, TEXTS, st.sampled_from([0, 0, 0, 1, 2, 3, 7]), st.integers(0, 3)), max_size=12
)


def cut(*blocks: Block) -> list[tuple[str, str, str]]:
    found = passages_of(Document("Guide", blocks), "shop/guide.pdf", "guide")
    return [(p.id.partition("#")[2], p.title, p.text) for p in found]


@given(BLOCKS)
def test_ids_are_unique_and_no_passage_is_empty_or_too_long(blocks: list[Block]) -> None:
    found = passages_of(Document("", tuple(blocks)), "shop/guide.pdf", "guide")
    assert len({p.id for p in found}) == len(found)
    for passage in found:
        assert passage.id.startswith("shop/guide.pdf#")
        assert passage.title.strip()
        assert passage.text.strip()
        assert len(passage.text.split()) <= MAX_ANSWER_WORDS
    assert passages_of(Document("", tuple(blocks)), "shop/guide.pdf", "guide") == found


@given(BLOCKS, st.integers(1, 30))
def test_a_longer_section_leaves_the_others_alone(blocks: list[Block], more: int) -> None:
    start = (Block("Hours", 1), Block("We open at nine.", 0))
    added = (*start, Block("The desk is on the left of the door. " * more, 0), Block("Rest", 1))
    rest = tuple(blocks)

    def others(head: tuple[Block, ...]) -> list[tuple[str, str, str]]:
        return [p for p in cut(*head, *rest) if section_of(p[0]) != "hours"]

    assert others((*start, Block("Rest", 1))) == others(added)


def test_a_part_is_never_taken_for_another_heading() -> None:
    found = cut(Block("Hours", 1), Block("We are open. " * 100), Block("Hours 2", 1), Block("No."))
    assert [name for name, _, _ in found] == ["hours", "hours.2", "hours-2"]


def test_a_long_section_is_cut_between_paragraphs() -> None:
    paragraphs = [" ".join([f"word{n}"] * 70) + "." for n in range(6)]
    found = cut(Block("Hours", 1), *(Block(text) for text in paragraphs))
    assert [name for name, _, _ in found] == ["hours", "hours.2", "hours.3"]
    assert "\n".join(text for _, _, text in found) == "\n".join(paragraphs)
    assert all(len(text.split()) <= MAX_WORDS for _, _, text in found)


def test_a_heading_that_returns_is_numbered_and_told_by_its_path() -> None:
    found = cut(
        Block("Plus", 1),
        Block("What does it cost?", 2),
        Block("5 pounds."),
        Block("Basic", 1),
        Block("What does it cost?", 2),
        Block("3 pounds."),
        Block("What does it cost 2", 2),
        Block("1 pound."),
    )
    assert found == [
        ("what-does-it-cost", "Plus › What does it cost?", "5 pounds."),
        ("what-does-it-cost-3", "Basic › What does it cost?", "3 pounds."),
        ("what-does-it-cost-2", "What does it cost 2", "1 pound."),
    ]


def test_the_number_of_a_chapter_is_no_part_of_its_name() -> None:
    found = cut(Block("3.2 Returns", 1), Block("Yes."), Block("24 hours", 1), Block("Always."))
    assert [name for name, _, _ in found] == ["returns", "24-hours"]
