"""`digitmill keys` as a process of its own, on a real Redis."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from digitmill.domain.access import Quotas, Scope
from digitmill.errors import Unauthorized
from digitmill.keys import Keys
from digitmill.settings import Settings
from digitmill.store.key_store import KeyStore
from digitmill.store.webhook_store import WebhookStore
from digitmill.webhooks.signing import Secrets
from tests.embedded.conftest import Up, up  # noqa: F401 (a fixture)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Exit status, standard output and standard error of one command."""

    def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
        environment = {**others, "PYTHONPATH": str(Path(__file__).parents[2]), "DIGITMILL_LOG_FORMAT": "json"}
        done = subprocess.run(
            [sys.executable, "-m", "digitmill.cli", "keys", *arguments],
            cwd=tmp_path,
            env={**environment, **{f"DIGITMILL_{name}": value for name, value in settings.items()}},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def keys_at(url: str) -> Keys:
    return Keys(Settings(redis_url=url), KeyStore(redis.Redis.from_url(url)))


def test_a_key_is_made_with_quotas_which_change_and_are_listed(run: Run, empty_redis_url: str) -> None:
    where = {"REDIS_URL": empty_redis_url}
    quotas = ("--images-a-day", "20000", "--open-jobs", "9", "--requests-a-minute", "600")
    code, text, err = run("create", "--name", "scanner", "--scopes", "submit", *quotas, **where)
    assert code == 0, err
    assert keys_at(empty_redis_url).identify(text.strip()).quotas == Quotas(20000, 9, 600)
    (key,) = keys_at(empty_redis_url).list()
    assert run("list", **where)[1].rstrip().endswith("scanner  20,000 images a day  9 open jobs  600 requests a minute")
    code, _, err = run("limit", key.id, "--open-jobs", "3", **where)
    assert code == 0
    assert "3 open jobs" in err
    assert keys_at(empty_redis_url).identify(text.strip()).quotas == Quotas(open_jobs=3)
    assert run("limit", key.id, "--images-a-day", "0", **where)[0] != 0


def test_a_key_is_told_how_long_its_jobs_are_kept(run: Run, empty_redis_url: str) -> None:
    where = {"REDIS_URL": empty_redis_url}
    code, text, err = run("create", "--name", "scanner", "--scopes", "submit", "--keep", "30d", **where)
    assert code == 0, err
    assert keys_at(empty_redis_url).identify(text.strip()).quotas == Quotas(keep_seconds=30 * 86400)
    assert run("list", **where)[1].rstrip().endswith("scanner  kept 30d")
    (key,) = keys_at(empty_redis_url).list()
    code, _, err = run("limit", key.id, "--keep", "36h", **where)
    assert code == 0
    assert "kept 36h" in err
    code, _, err = run("limit", key.id, "--keep", "91d", **where)
    assert code != 0
    assert "DIGITMILL_MAX_EXPIRES_IN" in err


def test_a_key_goes_its_whole_way(run: Run, empty_redis_url: str) -> None:
    where = {"REDIS_URL": empty_redis_url}
    code, out, err = run("create", "--name", "Büro 7", "--scopes", "submit,read", "--expires", "90d", **where)
    assert code == 0, err
    text = out.strip()
    key_id = text.split("_")[1]
    caller = keys_at(empty_redis_url).identify(text)
    assert (caller.key_id, caller.key_name, set(caller.scopes)) == (key_id, "Büro 7", {Scope.SUBMIT, Scope.READ})

    code, out, err = run("rotate", key_id, "--overlap", "1h", **where)
    assert code == 0, err
    renewed = out.strip()
    assert keys_at(empty_redis_url).identify(text) == keys_at(empty_redis_url).identify(renewed) == caller

    code, listed, _ = run("list", **where)
    assert code == 0
    assert re.fullmatch(rf"{key_id}  active   read,submit .* expires 20\d\d-\d\d-\d\d .*  Büro 7\n", listed)
    assert not any(secret in listed for secret in (text[-48:], renewed[-48:]))

    assert run("revoke", key_id, **where)[0] == 0
    for each in (text, renewed):
        with pytest.raises(Unauthorized):
            keys_at(empty_redis_url).identify(each)
    assert f"{key_id}  revoked" in run("list", **where)[1]


def test_each_change_leaves_an_audit_line_without_the_secret(run: Run, empty_redis_url: str) -> None:
    where = {"REDIS_URL": empty_redis_url, "LOG_LEVEL": "error"}
    _, out, created = run("create", "--name", "scanner", "--scopes", "admin", **where)
    key_id = out.split("_")[1]
    _, renewed, rotated = run("rotate", key_id, **where)
    _, _, revoked = run("revoke", key_id, **where)
    for action, err in (("key_create", created), ("key_rotate", rotated), ("key_revoke", revoked)):
        (line,) = [line for line in err.splitlines() if '"audit"' in line]
        assert f'"action": "{action}"' in line
        assert f'"key": "{key_id}"' in line
        assert '"key_name": "scanner"' in line
        assert f"user {os.getuid()} on " in line
        assert out.strip()[-48:] not in err
        assert renewed.strip()[-48:] not in err


def test_a_rotation_without_more_leaves_the_old_secret_a_week(run: Run, empty_redis_url: str) -> None:
    _, out, _ = run("create", "--name", "a", "--scopes", "read", REDIS_URL=empty_redis_url)
    run("rotate", out.split("_")[1], REDIS_URL=empty_redis_url)
    (key,) = keys_at(empty_redis_url).list()
    new, old = key.secrets
    assert new.expires_at is None
    assert old.expires_at == pytest.approx(key.created_at + 7 * 86400, abs=60)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "--name", "a", "--scopes", "reed"], "'reed' is no scope"),
        (["create", "--name", "a", "--scopes", ""], "'' is no scope"),
        (["create", "--name", "a", "--scopes", "read", "--expires", "90"], "such as 90d"),
        (["create", "--name", "a", "--scopes", "read", "--expires", "0d"], "cannot expire before it begins"),
        (["create", "--name", "a\nb", "--scopes", "read"], "can be printed"),
        (["create", "--name", "", "--scopes", "read"], "can be printed"),
        (["create", "--name", "a", "--scopes", "read", "--owner", "a:b"], "letters, digits"),
        (["rotate", "nobody"], "There is no key nobody."),
        (["revoke", "nobody"], "There is no key nobody."),
        (["webhook-secret", "nobody"], "There is no key nobody."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    run: Run, empty_redis_url: str, arguments: list[str], said: str
) -> None:
    code, out, err = run(*arguments, REDIS_URL=empty_redis_url)
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err
    assert keys_at(empty_redis_url).list() == []


def test_a_webhook_secret_is_made_renewed_and_never_told_twice(run: Run, empty_redis_url: str) -> None:
    where = {"REDIS_URL": empty_redis_url, "LOG_LEVEL": "error"}
    code, local, err = run("webhook-secret", **where)
    assert code == 0, err
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", local)

    _, out, _ = run("create", "--name", "a", "--scopes", "submit", "--owner", "office", **where)
    key_id = out.split("_")[1]
    code, _, err = run("webhook-secret", **where)
    assert code == 1
    assert "name the one" in err
    code, first, said = run("webhook-secret", key_id, **where)
    assert code == 0, said
    code, second, said_again = run("webhook-secret", key_id, "--overlap", "1h", **where)
    assert code == 0
    secrets = Secrets(WebhookStore(redis.Redis.from_url(empty_redis_url)))
    assert secrets.live("office") == [second.strip(), first.strip()]
    assert secrets.live("local") == [local.strip()]
    (line,) = [line for line in said_again.splitlines() if '"audit"' in line]
    assert '"action": "webhook_secret"' in line
    assert "whsec" not in said + said_again + run("list", **where)[1]

    assert run("webhook-secret", "admin", **where)[0] == 1
    assert run("webhook-secret", "admin", ADMIN_KEY="correct horse", **where)[0] == 0
    owner = (
        Keys(Settings(admin_key=SecretStr("correct horse")), KeyStore(redis.Redis.from_url(empty_redis_url)))
        .identify("correct horse")
        .owner
    )
    assert len(secrets.live(owner)) == 1


def test_without_a_service_the_command_says_what_to_do(run: Run) -> None:
    code, _, err = run("list")
    assert code == 1
    assert "digitmill up" in err
    assert "DIGITMILL_REDIS_URL" in err
    code, _, err = run("list", REDIS_URL="redis://127.0.0.1:1/0")
    assert code == 1
    assert "does not answer" in err


def test_the_command_finds_the_private_redis_while_up_runs(run: Run, up: Callable[..., Up]) -> None:  # noqa: F811
    running = up().until_ready()
    code, out, err = run("create", "--name", "a", "--scopes", "read", VAR=str(running.var))
    assert code == 0, err
    assert keys_at((running.var / "redis" / "url").read_text()).identify(out.strip()).key_name == "a"
    running.stop()
    assert run("list", VAR=str(running.var))[0] == 1
