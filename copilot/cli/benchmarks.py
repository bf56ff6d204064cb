"""``copilot evaluate turns|silence|scope|star``: the product's decisions on public data."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli.common import JSON, Bars, console, write_bytes, write_json
from copilot.config import Settings
from copilot.errors import UserError

if TYPE_CHECKING:
    from copilot.evaluate.memo import Memo
    from copilot.retrieval.packs import Pack
    from copilot.trained import Trained

FOLDER = click.Path(path_type=Path, file_okay=False)
PICTURE = click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the reliability diagram to PATH (SVG).",
)


@click.command("turns")
@click.option("--data", "folder", type=FOLDER, required=True, help="Knowledge and moments.")
@click.option(
    "--corpora",
    type=FOLDER,
    help="Where the training data is; by default around DIR, if it was trained on.",
)
@click.option("--limit", type=click.IntRange(1), help="Only so many moments, evenly spread.")
@PICTURE
@JSON
@click.pass_obj
def turns(
    settings: Settings,
    folder: Path,
    corpora: Path | None,
    limit: int | None,
    picture: Path | None,
    json_path: Path | None,
) -> None:
    """Whether knowledge is needed and which, over DIR/knowledge.jsonl.gz and DIR/turns.jsonl.gz.

    The knowledge is indexed in Chroma; every moment is heard, searched and decided by the product
    itself. Moments that the shipped models learned from are decided by models that were fitted
    without them, in five folds; for that the training data must be at hand.
    """
    settings.make_data()
    from copilot.evaluate import turns_report
    from copilot.evaluate.reliability import svg

    embedder, model = _models(settings)
    with Bars() as progress:
        result = turns_report.run(
            folder, embedder, model, settings.policy, packs_in(settings), progress, corpora, limit
        )
    console.print(turns_report.render(result), highlight=False)
    if picture is not None:
        title = f"Probability of need on {result.name}"
        write_bytes(picture, svg(result.new.calibration, title).encode())
    if json_path is not None:
        write_json(json_path, turns_report.figures(result))


@click.command("silence")
@click.option("--data", "folder", type=FOLDER, required=True, help="Calls of timed words.")
@click.option("--packs", "names", default="", help="Packs in use, by commas; all by default.")
@click.option("--base", type=FOLDER, help="Take the knowledge of a folder of moments instead.")
@click.option("--minutes", type=click.FloatRange(0.1), help="Only the first minutes of each call.")
@click.option("--unseen", is_flag=True, help="Only the calls that nothing was trained on.")
@JSON
@click.pass_obj
def silence(
    settings: Settings,
    folder: Path,
    names: str,
    base: Path | None,
    minutes: float | None,
    unseen: bool,
    json_path: Path | None,
) -> None:
    """Unneeded whispers per hour on talk that is none of the packs' business, with reasons.

    Every speaker is heard as the customer, which is the harder reading.
    """
    settings.make_data()
    from copilot.evaluate import silence as measure
    from copilot.evaluate import silence_report
    from copilot.evaluate.background import read_talks
    from copilot.evaluate.moments import read_corpus
    from copilot.evaluate.tables import searching
    from copilot.retrieval.packs import load_packs

    talks = read_talks(folder)[1 if unseen else 0 :: 2 if unseen else 1]
    wanted = [name for name in names.split(",") if name]
    packs = read_corpus(base).packs if base else load_packs(settings.knowledge.path, wanted)
    embedder, model = _models(settings)
    need = model.need if model else None
    with Bars() as progress, searching(packs, embedder, model, progress) as retriever:
        seconds = 60 * minutes if minutes else None
        quiet = measure.listen(talks, retriever, settings.policy, need, progress, seconds)
    console.print(silence_report.render(quiet), highlight=False)
    if json_path is not None:
        write_json(json_path, silence_report.figures(quiet))


@click.command("scope")
@click.option("--data", "folder", type=FOLDER, required=True, help="Questions by intent.")
@click.option("--train", type=FOLDER, help="Learn from this folder's questions instead.")
@JSON
@click.pass_obj
def scope(settings: Settings, folder: Path, train: Path | None, json_path: Path | None) -> None:
    """Whether the copilot can tell what a knowledge base cannot answer.

    DIR holds lists of [question, intent], train and valid or test, and questions that no intent
    covers, as banking77_oos and clinc150 do. An intent is a passage, its training questions are
    learned from as `copilot learn` does it, without one uncovered question; where the folder has
    some to learn from, a second row uses them.
    """
    settings.make_data()
    import msgspec

    from copilot.evaluate import scope as measure
    from copilot.evaluate.intents import read_intents

    intents = read_intents(folder, train)
    with Bars() as progress:
        result = measure.run(intents, memo(settings), progress)
    console.print(measure.render(result), highlight=False)
    if json_path is not None:
        write_json(json_path, msgspec.to_builtins(result))


@click.command("star")
@click.option("--data", "folder", type=FOLDER, required=True, help="Dialogues and scripts.")
@click.option("--train", type=FOLDER, help="Learn from this folder's dialogues instead.")
@JSON
@click.pass_obj
def star(settings: Settings, folder: Path, train: Path | None, json_path: Path | None) -> None:
    """Whether agents take the lines they are shown, and which, on trades never seen before.

    DIR holds dialogues.jsonl.gz and scripts.json.gz as STAR has them. Only what was said and looked
    up before counts, never what the agent typed to be shown lines, nor which were shown. Each trade
    is tried by what was learned on dialogues without it.
    """
    settings.make_data()
    import msgspec

    from copilot.evaluate import star as measure
    from copilot.evaluate.scripts import read_star

    moments = read_star(folder)
    learned = read_star(train) if train else ()
    with Bars() as progress:
        result = measure.run(folder.resolve().name, moments, memo(settings), progress, learned)
    console.print(measure.render(result), highlight=False)
    if json_path is not None:
        write_json(json_path, msgspec.to_builtins(result))


@click.command("ablation")
@click.option("--data", "folder", type=FOLDER, required=True, help="The training data.")
@click.option("--corpus", default="dstc9_val", show_default=True, help="Whose moments to measure.")
@JSON
@click.pass_obj
def ablation(settings: Settings, folder: Path, corpus: str, json_path: Path | None) -> None:
    """What each feature is worth: everything is refitted without it, on one held-out fold."""
    settings.make_data()
    import msgspec

    from copilot.evaluate import ablation as measure
    from copilot.evaluate.training import CORPORA, table

    if corpus not in CORPORA:
        raise UserError(f"--corpus {corpus}: there are {', '.join(CORPORA)}")
    embedder, model = _models(settings)
    if model is None:
        raise UserError(f"embedder.provider: nothing was trained for {embedder.name}")
    with (
        Bars() as progress,
        table(folder, packs_in(settings), embedder, model.adapter, progress) as made,
    ):
        result = measure.ablate(made, corpus)
    console.print(measure.render(result), highlight=False)
    if json_path is not None:
        write_json(json_path, msgspec.to_builtins(result))


@click.command("grounding")
@click.option("--data", "folder", type=FOLDER, required=True, help="Knowledge and moments.")
@click.option(
    "--limit", type=click.IntRange(1), default=800, show_default=True, help="True drafts at most."
)
@JSON
@click.pass_obj
def grounding(settings: Settings, folder: Path, limit: int, json_path: Path | None) -> None:
    """Whether drafts that do not stand in their passage are found, and others let through.

    Drafts are what human agents said of passages of DIR, as they said it and with an error planted;
    only passages that nothing was fitted on are used.
    """
    settings.make_data()
    from copilot.evaluate import grounding as measure

    made = measure.judge(measure.read_pairs(folder, limit=limit), memo(settings).embed)
    result = measure.figures(folder.resolve(), made)
    console.print(measure.table(result))
    if json_path is not None:
        write_json(json_path, result)


def _models(settings: Settings) -> "tuple[Memo, Trained | None]":
    from copilot.trained import trained_for

    embedder = memo(settings)
    return embedder, trained_for(embedder.name)


def packs_in(settings: Settings) -> "tuple[Pack, ...]":
    """The packs of the knowledge folder, the sample ones among them."""
    from copilot.retrieval.packs import load_packs

    return load_packs(settings.knowledge.path)


def memo(settings: Settings) -> "Memo":
    """The embedder in use, whose vectors of a run's texts are kept in the data folder."""
    from copilot.evaluate.memo import Memo
    from copilot.providers import registry
    from copilot.providers.registry import Host
    from copilot.retrieval.library import vectors_in

    embedder = registry.embedder(settings.embedder, Host(settings.data / "cache"))
    return Memo(embedder, vectors_in(settings))
