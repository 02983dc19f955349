import os
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import redis

from digitmill.embedded.claims import claimed_folder
from digitmill.embedded.guard import alive
from digitmill.errors import CannotStart
from tests.embedded.conftest import Up, descendants, eventually

StartUp = Callable[..., Up]

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted by way of /proc"),
]


def gone(pids: set[int]) -> Callable[[], bool]:
    return lambda: not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_web_then_worker_then_redis_and_leaves_no_process(up: StartUp, number: signal.Signals) -> None:
    running = up("forks").until_ready()
    assert httpx.get(f"{running.url}/readyz").status_code == 200
    family = running.family()
    assert set(running.pids("web") + running.pids("worker") + running.pids("grandchild")) < family
    assert running.stop(number) == 0
    assert running.output.splitlines()[-1] == "stopped"
    assert running.order().splitlines() == [
        "web stops, Redis answers True",
        "worker stops, Redis answers True",
    ]
    assert gone(family)()


def test_killing_up_leaves_no_process_behind(up: StartUp) -> None:
    running = up("forks").until_ready()
    family = running.family()
    assert running.redis_pid() in family
    assert len(family) >= 6  # up, its guard, Redis, the worker, its child, the web server
    running.stop(signal.SIGKILL)
    eventually(gone(family), "every process of a killed up is gone")
    assert running.order().splitlines()[0] == "web stops, Redis answers True"


def test_killing_up_while_it_starts_leaves_no_process_behind(up: StartUp) -> None:
    running = up()
    eventually(lambda: len(descendants(running.process.pid)) >= 2, "the guard and Redis run")
    family = running.family()
    running.stop(signal.SIGKILL)
    eventually(gone(family), "every process of a killed up is gone")


def test_a_signal_while_it_starts_stops_it_too(up: StartUp) -> None:
    running = up()
    eventually(lambda: "Starting Redis" in running.output, "Redis is being started")
    family = running.family()
    assert running.stop() == 0
    assert "ready" not in running.output
    assert gone(family)()


def test_a_killed_guard_is_replaced_and_the_new_one_guards(up: StartUp) -> None:
    running = up("forks").until_ready()
    children = {running.redis_pid(), *running.pids("worker"), *running.pids("web"), *running.pids("grandchild")}
    (guard,) = descendants(running.process.pid) - children
    os.kill(guard, signal.SIGKILL)
    eventually(lambda: descendants(running.process.pid) - children - {guard}, "there is another guard")
    running.stop(signal.SIGKILL)
    eventually(gone(children), "every process of a killed up is gone")


def test_a_worker_that_dies_is_started_again_and_its_children_end_with_it(up: StartUp) -> None:
    running = up("forks").until_ready()
    (worker,), (grandchild,) = running.pids("worker"), running.pids("grandchild")
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(running.pids("worker")) == 2, "there is another worker")
    assert "The worker was killed by signal 9 and starts again in 1 s. Its log: " in running.output
    assert not alive(grandchild)


def test_a_redis_that_dies_comes_back_at_its_address_with_its_data(up: StartUp) -> None:
    running = up().until_ready()
    first = running.redis_pid()
    with running.redis() as client:
        client.set("kept", "yes")
        # written out, so that the kill cannot take it; Redis has a command to wait for this from 7.2 on only
        client.config_set("appendfsync", "always")
        client.set("written", "yes")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: "Redis was killed by signal 9" in running.output, "the death was noticed")
    eventually(lambda: answers(running), "Redis is back")
    with running.redis() as client:
        assert client.get("kept") == "yes"
    assert running.redis_pid() != first


def answers(running: Up) -> bool:
    try:
        return running.redis_pid() > 0
    except redis.ConnectionError:
        return False


def test_data_outlives_a_restart_of_up(up: StartUp) -> None:
    first = up().until_ready()
    with first.redis() as client:
        client.set("kept", "yes")
    assert first.stop() == 0
    with up().until_ready().redis() as client:
        assert client.get("kept") == "yes"


def test_a_second_up_on_the_same_folder_is_refused_in_a_sentence(up: StartUp) -> None:
    first = up().until_ready()
    output = first.output
    second = up(var="var/../var")
    assert second.wait() == 1
    assert f"already running on the folder {second.var} (process {first.process.pid})" in second.output
    assert "DIGITMILL_VAR" in second.output
    assert first.process.poll() is None
    assert "ready" in output


def test_what_a_killed_run_left_behind_is_cleared_away(up: StartUp) -> None:
    first = up("forks").until_ready()
    leftover = first.redis_pid()
    with first.redis() as client:
        client.set("kept", "yes")
    (guard,) = descendants(first.process.pid) - {
        leftover,
        *first.pids("worker"),
        *first.pids("web"),
        *first.pids("grandchild"),
    }
    first.process.send_signal(signal.SIGSTOP)  # or it would replace the guard
    os.kill(guard, signal.SIGKILL)
    first.process.kill()
    for pid in first.pids("worker") + first.pids("web") + first.pids("grandchild"):
        os.kill(pid, signal.SIGKILL)
    first.wait()
    assert alive(leftover)
    assert (first.var / "up.lock").read_text() == f"{first.process.pid}\n"
    second = up().until_ready()
    assert not alive(leftover)
    with second.redis() as client:
        assert client.get("kept") == "yes"


def test_a_taken_port_is_named_with_the_setting_that_changes_it(up: StartUp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        running = up(DIGITMILL_PORT=str(port))
        assert running.wait() == 1
    assert running.output.strip() == (
        f"Port {port} is taken. Set DIGITMILL_PORT to another one, or to 0 for any free one."
    )


def test_a_worker_that_cannot_start_is_quoted_and_everything_stops(up: StartUp) -> None:
    running = up("fails")
    assert running.wait() == 1
    assert "The worker ended with exit status 1 before it was ready" in running.output
    assert running.output.strip().endswith("the model is not here")
    assert "Traceback" not in running.output


def test_a_second_signal_kills_what_does_not_stop(up: StartUp) -> None:
    running = up("stubborn").until_ready()
    family = running.family()
    running.process.send_signal(signal.SIGINT)
    eventually(lambda: "worker stops" in running.order(), "the worker was asked to stop")
    assert running.stop(signal.SIGINT) == 0
    assert "The worker was killed, since you asked again." in running.output
    assert "did not stop" not in running.output
    assert gone(family)()


def test_a_redis_of_the_users_own_is_used_and_left_running(up: StartUp, redis_url: str) -> None:
    running = up(DIGITMILL_REDIS_URL=redis_url).until_ready()
    assert not (running.var / "redis").exists()
    assert "Starting Redis" not in running.output


def test_a_redis_of_the_users_own_that_does_not_answer_is_said_plainly(up: StartUp) -> None:
    running = up(DIGITMILL_REDIS_URL="redis://127.0.0.1:1/0")
    assert running.wait() == 1
    assert "The Redis that DIGITMILL_REDIS_URL names does not answer" in running.output


def test_only_this_user_can_read_the_password_of_redis(up: StartUp) -> None:
    running = up().until_ready()
    for name in ("url", "redis.conf"):
        assert stat.S_IMODE((running.var / "redis" / name).stat().st_mode) == 0o600
    password = (running.var / "redis" / "url").read_text().partition("://:")[2].partition("@")[0]
    command = Path(f"/proc/{running.redis_pid()}/cmdline").read_text()
    assert password not in command


def test_a_folder_that_cannot_be_used_is_named(up: StartUp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    running = up(DIGITMILL_VAR=str(tmp_path / "file" / "var"))
    assert running.wait() == 1
    assert "set DIGITMILL_VAR" in running.output


def test_a_disk_without_room_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="There is no room left"), claimed_folder(tmp_path / "var"):
        Path("/dev/full").write_text("no room for this")


def test_the_next_start_stops_what_outlived_both_up_and_its_guard(up: StartUp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
    first = up("forks", DIGITMILL_PORT=port).until_ready()
    left = {first.redis_pid(), *first.pids("worker"), *first.pids("web"), *first.pids("grandchild")}
    (guard,) = descendants(first.process.pid) - left
    with first.redis() as client:
        client.set("kept", "yes")
    first.process.send_signal(signal.SIGSTOP)  # or it would replace the guard
    os.kill(guard, signal.SIGKILL)
    first.process.kill()
    first.wait()
    assert all(alive(pid) for pid in left)
    second = up(DIGITMILL_PORT=port).until_ready()
    assert "Stopped what an earlier run that was killed had left behind." in second.output
    assert not any(alive(pid) for pid in left)
    with second.redis() as client:
        assert client.get("kept") == "yes"


def test_a_process_that_has_the_number_of_one_that_ended_is_left_alone(up: StartUp) -> None:
    first = up().until_ready()
    assert first.stop() == 0
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        for file in (first.var / "running").iterdir():
            file.write_text(f"{stranger.pid}\n")
        second = up().until_ready()
        assert "Stopped what an earlier run" not in second.output
        assert stranger.poll() is None
        stranger.kill()


def test_redis_listens_on_no_port_and_only_this_user_reaches_its_socket_and_its_files(up: StartUp) -> None:
    running = up().until_ready()
    with running.redis() as client:
        assert client.config_get("port") == {"port": "0"}
        place = Path(client.config_get("unixsocket")["unixsocket"])
    assert place == running.var / "redis" / "redis.sock"
    for folder in ("redis", "logs", "blobs", "spool", "running"):
        assert stat.S_IMODE((running.var / folder).stat().st_mode) == 0o700, folder
    written = [path for path in running.var.rglob("*") if path.name != "output" and not path.is_dir()]
    assert {"redis.log", "web.log", "worker.log", "web.pids"} <= {path.name for path in written}
    assert [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_folders_that_others_could_read_are_closed_to_them(up: StartUp, tmp_path: Path) -> None:
    (tmp_path / "var" / "logs").mkdir(parents=True, mode=0o755)
    running = up().until_ready()
    assert stat.S_IMODE((running.var / "logs").stat().st_mode) == 0o700


def test_a_folder_whose_path_is_too_long_for_a_socket_serves_too(up: StartUp, tmp_path: Path) -> None:
    (tmp_path / ("a b%" * 30)).mkdir()
    running = up(var=f"{'a b%' * 30}/var").until_ready()
    with running.redis() as client:
        place = Path(client.config_get("unixsocket")["unixsocket"])
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert running.stop() == 0
    assert up(var=f"{'a b%' * 30}/var").until_ready().stop() == 0
    assert not place.parent.exists()


def test_a_log_that_grows_too_long_is_begun_anew_and_one_is_kept(up: StartUp) -> None:
    running = up("talks").until_ready()
    eventually(lambda: (running.var / "said").exists(), "the worker has written 30 MB")
    logs = running.var / "logs"
    eventually(lambda: (logs / "worker.log.1").exists(), "a log is kept")
    eventually(lambda: (logs / "worker.log").stat().st_size <= 20 << 20, "the log is short again")
    assert sum(file.stat().st_size for file in logs.iterdir()) < 45 << 20
    assert running.stop(signal.SIGTERM) == 0
