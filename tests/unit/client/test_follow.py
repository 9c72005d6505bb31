"""`easel status`, `easel list` and `easel cancel`."""

from pathlib import Path

from tests.unit.client.command import data, easel
from tests.unit.client.deployment import (
    BATCH,
    ID,
    IMAGE,
    LOOK,
    PNG,
    Deployment,
    batch,
    failure,
    generation,
    money,
    problem,
)


def test_status_tells_the_facts_of_one_that_goes_on(deployment: Deployment) -> None:
    deployment.answers(LOOK, generation("processing"))
    done = easel("status", ID)
    facts = dict(line.split("\t") for line in done.stdout.splitlines())
    assert done.exit_code == 0
    assert (facts["status"], facts["prompt"], facts["cost"]) == (
        "processing", "A red fox, in snow!", "nothing billed yet",
    )  # fmt: skip
    assert "--wait waits for it" in easel("status", ID, "--output", "fox.png").stderr
    assert data(easel("status", ID, "--json"))["status"] == "processing"
    assert not Path("fox.png").exists()


def test_status_of_one_that_failed_ends_with_1(deployment: Deployment) -> None:
    deployment.answers(LOOK, generation("expired", error=failure("expired", message="Its deadline passed.")))
    done = easel("status", ID)
    assert done.exit_code == 1
    assert "expired: Its deadline passed." in done.stdout
    assert done.stderr == f"easel: {ID} did not end by its deadline: Its deadline passed.\n"


def test_status_waits_and_fetches_the_picture(deployment: Deployment) -> None:
    deployment.answers(LOOK, generation("queued"), generation("processing"), **{"Retry-After": "0"})
    deployment.answers(LOOK, deployment.succeeded())
    deployment.answers(IMAGE, PNG)
    done = easel("status", ID, "--wait", "--output", "fox.png")
    assert (done.exit_code, done.stdout) == (0, "fox.png\n")
    assert Path("fox.png").read_bytes() == PNG


def test_status_of_what_is_not_there_is_refused(deployment: Deployment) -> None:
    deployment.answers(LOOK, (404, problem(404, "not_found", f"There is no generation '{ID}'.")))
    done = easel("status", ID)
    assert (done.exit_code, done.stderr) == (3, f"easel: There is no generation '{ID}'.\n")


def test_an_error_on_the_way_says_how_to_pick_it_up(deployment: Deployment) -> None:
    refused = (401, problem(401, "unauthorized", "The API key is not known."))
    deployment.answers(LOOK, generation("queued"), refused, **{"Retry-After": "0"})
    done = easel("status", ID, "--wait", "--quiet")
    assert done.exit_code == 4
    assert done.stderr.splitlines()[-1] == f"It goes on; pick it up with: easel status {ID} --wait"


def test_list_is_a_line_each_for_programs(deployment: Deployment) -> None:
    maybe = {"usd": {"possibly_billed": money("0.10")}}
    page = [generation("succeeded"), generation("failed", receipt=maybe), generation("queued")]
    deployment.answers("GET /v1/generations", {"data": page, "next_cursor": None})
    done = easel("list", "--status", "failed", "--model", "m", "--limit", "3")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        (ID, "succeeded", "$0.075", "A red fox, in snow!"),
        (ID, "failed", "$0.10?", "A red fox, in snow!"),
        (ID, "queued", "", "A red fox, in snow!"),
    ]
    assert deployment.asked[0].path == "/v1/generations?status=failed&model=m&limit=3"
    assert data(easel("list", "--json")) == {"data": page}


def test_list_of_batches(deployment: Deployment) -> None:
    deployment.answers("GET /v1/batches", {"data": [batch("completed", 2)], "next_cursor": None})
    assert easel("list", "--batches").stdout == f"{BATCH}\tcompleted\t2/2\t$0.15\n"


def test_cancel_says_what_may_be_billed(deployment: Deployment) -> None:
    maybe = {"possibly_billed": money("0.075"), "usd": {}, "attempts": [{}]}
    canceled = generation("canceled", receipt=maybe)
    deployment.answers(f"POST /v1/generations/{ID}/cancel", canceled)
    deployment.answers(f"POST /v1/batches/{BATCH}/cancel", batch("canceled", 1))
    done = easel("cancel", ID, BATCH)
    assert done.stdout.splitlines() == [
        f"{ID} is canceled; $0.075 possibly billed.",
        f"{BATCH} starts no further row; 0 are at work and will be kept.",
    ]
    assert [one["status"] for one in data(easel("cancel", ID, BATCH, "--json"))["data"]] == ["canceled"] * 2


def test_a_profile_that_was_named_stands_in_what_is_to_be_typed(deployment: Deployment) -> None:
    from easel_client.profiles import Profile, Profiles

    Profiles({}, None).having("home", Profile(deployment.url, "k")).write()
    refused = (401, problem(401, "unauthorized", "No."))
    deployment.answers(LOOK, generation("queued"), refused, **{"Retry-After": "0"})
    for words in (
        ("--profile", "home", "status", ID, "--wait"),
        ("status", ID, "--wait", "--profile", "home"),
    ):
        assert easel(*words).stderr.splitlines()[-1].endswith(f"easel status {ID} --wait --profile home")
        deployment.laid[LOOK].insert(0, lambda exchange: exchange.reply(200, generation("queued")))
    assert {one.headers["authorization"] for one in deployment.asked} == {"Bearer k"}
