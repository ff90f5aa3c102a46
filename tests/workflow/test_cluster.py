"""Classification on a Dask cluster of two worker processes gives what this process gives."""

import gzip
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import mdlens
from mdlens.cluster import connect
from mdlens.errors import ClusterError, InputError
from mdlens.inference import load_model

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

WORKERS = 2


@pytest.fixture(scope="module")
def cluster():
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(n_workers=WORKERS, processes=True, **options) as running:
        yield running


@pytest.fixture
def client(cluster):
    with connect(cluster.scheduler_address) as connected:
        connected.wait_for_workers(WORKERS, timeout=60)
        yield connected


def assert_same(result, expected):
    for name in ("labels", "probabilities", "embeddings", "distance"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name), err_msg=name)
    assert (result.classes, result.ids) == (expected.classes, expected.ids)


@pytest.mark.parametrize("average", [False, True])
def test_results_are_the_same_and_in_order(client, measuring_model, melting_frames, average):
    model = load_model(measuring_model)
    expected = list(mdlens.classify(melting_frames, model, average=average))
    results = list(mdlens.classify(iter(melting_frames), model, average=average, client=client))
    for result, here in zip(results, expected, strict=True):
        assert_same(result, here)
    alone = mdlens.classify(melting_frames[2], model, average=average, client=client)
    assert_same(alone, expected[2])


@pytest.mark.parametrize("frames", [":", "1:5:2", "-2:"])
def test_workers_read_the_frames_of_a_dump_they_see(client, tiny_model, melting_frames, write_dump, frames):
    trajectory = mdlens.read(write_dump(melting_frames, "a.dump"), frames)
    results = list(mdlens.classify(trajectory, tiny_model, client=client))
    for result, here in zip(results, mdlens.classify(trajectory, tiny_model), strict=True):
        assert_same(result, here)


@pytest.mark.parametrize("all_see", [False, True])
def test_frames_that_workers_do_not_see_are_read_here(
    client, tiny_model, melting_frames, write_dump, all_see, monkeypatch
):
    path = write_dump(melting_frames, "a.dump")

    def ask(client, place):
        os.utime(path, (0, 0))  # the file is another one when a worker looks
        return all_see

    monkeypatch.setattr("mdlens.workflows.crystal_cluster._all_see", ask)
    results = mdlens.classify(mdlens.read(path), tiny_model, client=client)
    for result, here in zip(results, mdlens.classify(melting_frames, tiny_model), strict=True):
        assert_same(result, here)


def test_the_workers_need_no_model_file(client, tiny_model, melting_frames, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(tiny_model.read_bytes())
    model = load_model(file)
    file.unlink()
    assert_same(
        mdlens.classify(melting_frames[0], model, client=client), mdlens.classify(melting_frames[0], model)
    )


@pytest.mark.parametrize("together", [1, 3])
def test_few_frames_are_in_flight(client, tiny_model, melting_frames, together, monkeypatch):
    monkeypatch.setattr("mdlens.workflows.crystal_cluster.TOGETHER", together * len(melting_frames[0]))
    read = 0

    def frames():
        nonlocal read
        for atoms in melting_frames * 10:
            read += 1
            yield atoms

    results = mdlens.classify(frames(), tiny_model, client=client)
    assert read == 0
    for done, _ in enumerate(results):
        assert read <= done + 2 * WORKERS * together
    assert read == len(melting_frames) * 10


def test_a_caller_that_stops_leaves_nothing_on_the_cluster(client, tiny_model, melting_frames):
    results = mdlens.classify(iter(melting_frames * 5), tiny_model, client=client)
    next(results)
    results.close()
    plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "mdlens" in name])
    assert list(plugins.values()) == [[]] * WORKERS


def test_a_frame_that_cannot_be_classified_is_named_after_those_before_it(client, tiny_model, melting_frames):
    melting_frames[2].positions[0] = np.nan
    results = mdlens.classify(iter(melting_frames), tiny_model, client=client)
    next(results), next(results)
    with pytest.raises(InputError, match=r"^frame 2: positions must be finite numbers"):
        next(results)


def test_a_killed_worker_loses_no_frame(client, tiny_model, melting_frames, monkeypatch):
    monkeypatch.setattr("mdlens.workflows.crystal_cluster.TOGETHER", 3 * len(melting_frames[0]))
    expected = list(mdlens.classify(melting_frames, tiny_model))
    results = mdlens.classify(iter(melting_frames * 10), tiny_model, client=client)
    first = [next(results) for _ in range(5)]
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    with dask.config.set({"distributed.comm.timeouts.connect": "5s"}):  # it may be asked for a result
        every = [*first, *results]
    for result, here in zip(every, expected * 10, strict=True):
        assert_same(result, here)


def test_a_frame_that_kills_its_workers_ends_the_run(cluster, client, monkeypatch):
    from mdlens.cluster.ordered_map import map_in_order

    def die(value, threads):
        import os

        os._exit(value)

    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(ClusterError, match=r"^frame 7: the same work took 1 workers down"):
        list(map_in_order(client, die, [(None, None), ("frame 7: ", 3)]))


@pytest.fixture
def command(mdlens_command, cluster):
    """Run ``mdlens classify`` on the cluster."""

    def run(*words, **options):
        return mdlens_command(*words, "--scheduler", cluster.scheduler_address, **options)

    return run


def test_files_are_the_same_to_the_byte(command, mdlens_command, write_dump, melting_frames, tmp_path):
    sources = [write_dump(melting_frames, "a.dump"), write_dump(melting_frames[::-1], "b.dump")]
    packed = tmp_path / "c.dump.gz"
    packed.write_bytes(gzip.compress(sources[0].read_bytes()))
    for folder, run in (("here", mdlens_command), ("there", command)):
        (tmp_path / folder).mkdir()
        for name, options in (("", ()), ("mean_", ("--average", "--frames", "::2"))):
            outputs = ("-o", f"{folder}/{name}{{name}}", "--json", f"{folder}/{name}{{stem}}.json")
            outcome = run(*sources, packed, *outputs, *options)
            assert outcome.code == 0, outcome.err
            assert outcome.err == ""
            (tmp_path / folder / f"{name}table").write_text(outcome.out.replace(folder, ""))
    made = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert len(made) == 14
    assert made == sorted(path.name for path in (tmp_path / "there").iterdir())
    for name in made:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name


def test_a_report_is_made(command, write_dump, melting_frames, tmp_path):
    assert command(write_dump(melting_frames), "--report", "page.html").code == 0
    assert "fcc" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("wrong", ["cut", "empty", "not finite"])
def test_a_wrong_file_stops_the_run_where_it_does_here(
    command, mdlens_command, write_dump, melting_frames, wrong, tmp_path
):
    second = [atoms.copy() for atoms in melting_frames]
    if wrong == "empty":
        second[1] = second[1][:0]
    if wrong == "not finite":
        second[1].positions[3] = 1e300
    sources = [write_dump(melting_frames[:2], "a.dump"), write_dump(second, "b.dump", cut=9000)]
    errors = []
    for folder, run in (("here", mdlens_command), ("there", command)):
        (tmp_path / folder).mkdir()
        outcome = run(*sources, "-o", f"{folder}/")
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        errors.append(outcome.err.replace(folder, ""))
    assert errors[0] == errors[1]
    made = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert made == ["a.dump", "b.dump.partial"]
    for name in made:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "nowhere://x", "gone.json", "empty.json", "a host\n:1"]
)
def test_a_scheduler_that_is_not_there(
    mdlens_command, write_dump, melting_frames, address, monkeypatch, tmp_path
):
    monkeypatch.setattr("mdlens.cluster.connection.PATIENCE", 0.5)
    (tmp_path / "empty.json").write_text("{}")
    outcome = mdlens_command(write_dump(melting_frames), "-o", "out.dump", "--scheduler", address)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "no Dask scheduler answers at" in outcome.err
    assert not list(tmp_path.glob("out*"))


def test_without_the_extra_the_message_names_it(mdlens_command, write_dump, melting_frames, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = mdlens_command(write_dump(melting_frames), "--scheduler", "tcp://127.0.0.1:1")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "pip install 'mdlens[dask]'" in outcome.err


def test_dask_is_not_imported_unless_asked_for():
    program = (
        "import sys, mdlens, mdlens.cli, mdlens.cluster, mdlens.workflows.crystal_files; mdlens.classify;"
        "sys.exit(any(name in sys.modules for name in ('dask', 'distributed')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_seats_are_never_more_than_the_threads_of_the_worker():
    from concurrent.futures import ThreadPoolExecutor
    from threading import Lock

    from mdlens.cluster.worker import Seats

    seats, lock, busy, most = Seats(4), Lock(), 0, 0

    def work(wanted):
        nonlocal busy, most
        with seats.taken(wanted) as number:
            with lock:
                busy += number
                most = max(most, busy)
            with lock:
                busy -= number
        return number

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(work, [1, 2, 3, 4, 9] * 40))
    assert given == [1, 2, 3, 4, 4] * 40
    assert most <= 4
    assert busy == 0
