"""The service of a trained model: strict about what comes in, silent about its insides."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from models import catalog, loading
from models.kit import program, programs, samples, serving
from models.kit.errors import ArtefactError

FOLDER = catalog.find("regression/linear").folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    output = str(tmp_path_factory.mktemp("served") / "output")
    with loading.task(FOLDER) as task:
        options = ["--smoke", "--no-plots", "--output", output]
        assert programs.train(task, str(FOLDER / "train.py"), options) == program.DONE
        service = serving.app(task, argparse.Namespace(config=FOLDER / "config.yaml", output=output))
        with TestClient(service, raise_server_exceptions=False) as found:
            yield found


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return samples.load("diabetes").frame.drop("progression").head(3).to_dicts()


def test_rows_are_answered_in_order(client: TestClient, rows: list[dict[str, Any]]) -> None:
    answer = client.post("/predict", json={"rows": rows}).json()["predictions"]
    assert [each["row"] for each in answer] == [1, 2, 3]
    single = [client.post("/predict", json={"rows": [row]}).json()["predictions"][0]["predicted"] for row in rows]
    assert [each["predicted"] for each in answer] == pytest.approx(single)


def test_a_missing_value_is_one_and_another_column_is_ignored(client: TestClient, rows: list[dict[str, Any]]) -> None:
    usual = client.post("/predict", json={"rows": rows}).json()
    more = client.post("/predict", json={"rows": [{**row, "name": "x"} for row in rows]}).json()
    assert usual == more
    assert client.post("/predict", json={"rows": [{**rows[0], "age": None}]}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"rows": []},
        {"rows": "x"},
        {"rows": [1]},
        {"rows": [{"age": 1}]},
        {"rows": [{"age": {"of": 1}}]},
        {"rows": [{}], "more": 1},
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(client: TestClient, body: object) -> None:
    answer = client.post("/predict", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == serving.PROBLEM
    assert answer.json()["detail"]
    assert "Traceback" not in answer.text
    assert "models/kit" not in answer.text


def test_large_bodies_and_unknown_lengths_are_refused_unread(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_BYTES", 10)
    assert client.post("/predict", json={"rows": [{"age": 1}]}).status_code == 413
    parts = client.post("/predict", content=iter([b'{"rows": []}']), headers={"content-type": "application/json"})
    assert parts.status_code == 411


def test_a_fault_shows_nothing_of_the_program(
    client: TestClient, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("secret path")

    monkeypatch.setattr(programs, "answers", fail)
    answer = client.post("/predict", json={"rows": rows})
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_without_a_model_there_is_no_service(tmp_path: Path) -> None:
    given = argparse.Namespace(config=FOLDER / "config.yaml", output=str(tmp_path / "none"))
    with loading.task(FOLDER) as task, pytest.raises(ArtefactError, match=r"run train\.py first"):
        serving.app(task, given)
