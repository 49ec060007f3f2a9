import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.banks import builder
from generator.cascade import checkpoint
from generator.memory import bankfile
from generator.nets.config import SamplerConfig
from tests.fakes_imagery import tiny_weights, write_folder, write_picture
from tests.fakes_memory import ground
from tileserver.cli import main
from tileserver.rendering.models import load_renderer
from tileserver.settings import Settings


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def bank(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    imagery = write_folder(folder / "imagery", 3)
    made = folder / "mine.bank"
    assert main(["memory", "build", str(imagery), "-o", str(made), "--weights", str(weights)]) == 0
    return made


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def build(imagery: object, weights: Path, *more: str) -> int:
    return main(
        ["memory", "build", str(imagery), "-o", "mine.bank", "--weights", str(weights), *more]
    )


def only_what_was_given(*names: str) -> bool:
    return {path.name for path in Path().iterdir()} == set(names)


def test_twenty_pictures_become_a_bank_and_a_sheet(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(Path("imagery"), 20)
    flat = np.full((128, 128, 3), 99, np.uint8)
    write_picture(Path("imagery/flat.png"), flat, 4.0, (50.0, 10.0))
    assert build("imagery", weights, "--zooms", "15") == 0
    assert only_what_was_given("imagery", "mine.bank", "mine.bank.sheet.webp")
    made = bankfile.load(Path("mine.bank"))
    assert len(made.scenes) == 20
    assert made.credits == ["imagery, CC0-1.0, me"]
    with Image.open("mine.bank.sheet.webp") as sheet:
        assert sheet.width == 1200
    out, err = capsys.readouterr()
    assert "Wrote mine.bank: 20 scenes, 0.3 megapixels for zoom 15." in out
    assert "refused: flat.png: flat: a standard deviation of 0.0 grey levels" in err


def test_pictures_of_1_m_serve_stage_17_where_it_is_asked_for_or_served(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(Path("imagery"), 1, gsd=1.0)
    assert build("imagery", weights, "--zooms", "15,17") == 0
    assert {scene.chosen_at for scene in bankfile.load(Path("mine.bank")).scenes} == {17}
    deep = checkpoint.load(weights)
    sampler = SamplerConfig(augmentation=(1.0,) * 6, contrast=(1.0,) * 6)
    checkpoint.save(tmp_path / "deep", deep.network, sampler, {}, encoder=deep.encoder)
    assert build("imagery", tmp_path / "deep", "--force") == 0
    assert {scene.chosen_at for scene in bankfile.load(Path("mine.bank")).scenes} == {17}
    assert build("imagery", weights, "--force") == 2
    assert "none of the 1 images can be used" in capsys.readouterr().err


def test_the_same_command_goes_on_after_ctrl_c(
    weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(Path("imagery"), 4)
    looked = []
    original = builder.survey

    def stopping(*given: object) -> object:
        looked.append(given)
        if len(looked) == 3:
            raise KeyboardInterrupt
        return original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(builder, "survey", stopping)
    assert build("imagery", weights) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    assert only_what_was_given("imagery", "mine.bank.work")
    assert build("imagery", weights) == 0
    assert len(looked) == 5  # two, the one that was stopped, and two again
    assert only_what_was_given("imagery", "mine.bank", "mine.bank.sheet.webp")


def test_a_bank_that_is_there_is_replaced_only_if_asked(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(Path("imagery"), 1)
    Path("mine.bank").write_text("dear to me")
    assert build("imagery", weights) == 2
    assert "is there already, expected a new file, or --force" in capsys.readouterr().err
    assert Path("mine.bank").read_text() == "dear to me"
    assert build("imagery", weights, "--force") == 0
    assert len(bankfile.load(Path("mine.bank")).scenes) == 1


def without_resolution() -> None:
    write_folder(Path("imagery"), 1)
    Path("imagery/p00.json").unlink()


def one_flat_picture() -> None:
    Path("imagery").mkdir()
    write_picture(Path("imagery/a.png"), np.full((99, 99, 3), 99, np.uint8), 4.0, (50.0, 10.0))


def clouds() -> None:
    Path("imagery").mkdir()
    pale = 246 - ground(1, 128, 128) // 16
    write_picture(Path("imagery/a.png"), pale, 4.0, (50.0, 10.0))


def empty() -> None:
    Path("imagery").mkdir()


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (without_resolution, "does not say its ground resolution; give --gsd METRES"),
        (one_flat_picture, "none of the 1 images can be used: a.png: flat: "),
        (clouds, "none of the 1 images can be used: a.png: cloud: "),
        (empty, "imagery holds no manifest.json and no picture"),
        (lambda: None, "does not exist, expected"),
    ],
    ids=["no resolution", "flat", "clouds", "empty", "missing"],
)
def test_imagery_that_cannot_be_used_is_one_sentence(
    prepare: object, sentence: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()  # type: ignore[operator]
    assert build("imagery", weights) == 2
    *before, last = capsys.readouterr().err.strip().splitlines()
    assert last.startswith("elsewhere memory: ")
    assert sentence in last
    # What pixels do not have to be looked at for is told before anything is loaded.
    assert ("Loading the network" in before) == ("none of the 1 images" in last)
    assert not Path("mine.bank").exists()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Serve a page that is no STAC."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *given: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/catalog.json"
        server.shutdown()
        thread.join()


def test_a_catalogue_that_does_not_answer_or_is_none_is_one_sentence(
    silent_server: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pystac_client")
    for address in (silent_server, "http://127.0.0.1:9/catalog.json"):
        assert build(address, weights) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert last.startswith("elsewhere memory: ")
        assert "Traceback" not in last
    assert not Path("mine.bank").exists()


def test_weights_without_an_encoder_build_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from generator.cascade import checkpoint
    from generator.nets.build import build as network
    from generator.nets.config import PRESETS, SamplerConfig

    checkpoint.save(Path("old.safetensors"), network(PRESETS["exact-tiny"]), SamplerConfig(), {})
    write_folder(Path("imagery"), 1)
    assert build("imagery", Path("old.safetensors")) == 2
    assert "holds no encoder of layouts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--zooms", "12"], "the stages are '12', expected some of 7, 9, 11, 13, 15"),
        (["--budget", "-1"], "the budget is '-1', expected megapixels above 0"),
        (["--gsd", "zero"], "the ground resolution is 'zero'"),
    ],
)
def test_flags_that_cannot_be_meant(
    flags: list[str], sentence: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        build("imagery", weights, *flags)
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def test_show_says_what_a_bank_holds(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "show", str(bank)]) == 0
    out = capsys.readouterr().out
    assert bankfile.load(bank).digest in out
    assert "zoom 15            3 scenes,     0.0 megapixels" in out
    assert "imagery: 3 scenes, CC0-1.0" in out
    assert "credits\n  me" in out


def test_show_draws_a_map_and_scenes(bank: Path, weights: Path) -> None:
    flags = ["--weights", str(weights), "-o", "sheet.png"]
    assert main(["memory", "show", str(bank), *flags]) == 0
    with Image.open("sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1] == 1200
    assert (pixels == (255, 80, 60)).all(-1).sum() > 20  # the dots of zoom 15
    assert only_what_was_given("sheet.png")


def test_show_refuses_other_files_and_other_encoders(
    bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_weights(Path("other.safetensors"), seed=1)
    assert main(["memory", "show", str(bank), "--weights", str(other), "-o", "a.png"]) == 2
    assert "holds codes of the encoder" in capsys.readouterr().err
    Path("text.bank").write_text("no bank")
    assert main(["memory", "show", "text.bank"]) == 2
    assert "is damaged or no bank at all" in capsys.readouterr().err
    assert main(["memory", "show", "shipped", "--weights", str(other)]) == 2
    assert "hold no memory of their own" in capsys.readouterr().err
    assert main(["memory", "show", str(bank), "--weights", str(other), "-o", "a.txt"]) == 2


def test_the_memory_of_the_settings_is_handed_to_the_generator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[object] = []
    monkeypatch.setattr("generator.load", lambda **named: given.append(named["memory"]))
    for flag in (None, "none", "a.bank,shipped"):
        load_renderer(Settings.load({"memory": flag}, {}))
    assert given == [None, (), ("a.bank", "shipped")]
