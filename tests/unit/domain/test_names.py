"""Names of features are slugs, whatever the prompt is."""

from __future__ import annotations

import re

import pytest
from anyascii import anyascii
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.names import NAME_LIMIT, checked_name, free_name, slug_from

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MADE_NAME_LIMIT = 30

slugs = st.from_regex(r"[a-z0-9]{1,20}(-[a-z0-9]{1,12}){0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("prompt", "slug"),
    [
        ("Add a login page", "add-a-login-page"),
        ("one two three four five six seven eight", "one-two-three-four-five-six"),
        ("a b c d e f g h", "a-b-c-d-e-f-g"),
        (
            "Key rotation: let callers find out whether a token is old",
            "key-rotation-let-callers-find",
        ),
        ("  Fix #42: crash on start!  ", "fix-42-crash-on-start"),
        ("snake_case and kebab-case", "snake-case-and-kebab-case"),
        ("添加登录页面", "tian-jia-deng-lu-ye-mian"),
        ("Größe ändern", "grosse-andern"),
        ("Łódź: sprzedaż biletów", "lodz-sprzedaz-biletow"),
        ("Ændre øst", "aendre-ost"),
        ("Đà Nẵng", "da-nang"),
        ("Þór og ÍSLAND", "thor-og-island"),
        ("Добавить страницу входа", "dobavit-stranitsu-vkhoda"),
        ("Розклад Ґалаґану, їжак", "rozklad-galaganu-izhak"),
        ("Προσθήκη σύνδεσης", "prosthiki-syndesis"),
        ("Объём подъезда", "obem-podezda"),
        ("CON", "con-feature"),
        ("nul", "nul-feature"),
        ("Com1", "com1-feature"),
        ("Con men", "con-men"),
        ("添加 OAuth 登录", "tian-jia-oauth-deng-lu"),
        ("🚀🔥👩‍💻", "feature"),
        ("🚀 Ship it", "ship-it"),
        ("Créer l'écran d'été", "creer-lecran-dete"),
        ("Ångström NAÏVE façade", "angstrom-naive-facade"),
        ("Tiếng Việt", "tieng-viet"),
        ("İstanbul", "istanbul"),
        ("ﬁle of ½ size №\uff15", "file-of-1-2-size-no5"),
        ("""Don't "quote" 'this' “page” user\u2019s""", "dont-quote-this-page-users"),
        ("'\"`\u2019", "feature"),
        ("../../etc/passwd", "etc-passwd"),
        ("--force", "force"),
        ("\u202egnp.exe", "gnp-exe"),
        ("x\x1b[31mred\ny", "x-31mred-y"),
        ("", "feature"),
    ],
)
def test_a_slug_is_made_of_the_prompts_first_words(prompt: str, slug: str) -> None:
    assert slug_from(prompt) == slug


def test_the_slug_of_a_very_long_prompt_stays_short() -> None:
    assert slug_from("word " * 4_000) == "word-word-word-word-word-word"
    assert slug_from("a" * 20_000) == "a" * MADE_NAME_LIMIT
    assert slug_from("字" * 20_000) == "-".join(["zi"] * 10)
    assert slug_from("é" * 499 + "ab") == "e" * MADE_NAME_LIMIT
    assert slug_from("\ufdd0" * 499 + "ab") == "a"


def test_a_word_that_does_not_fit_is_left_out_whole() -> None:
    assert slug_from(f"{'a' * 20} {'b' * 20} c") == "a" * 20
    assert slug_from(f"{'a' * 20} {'b' * 9}") == f"{'a' * 20}-{'b' * 9}"
    assert slug_from(f"{'a' * 20} {'b' * 10}") == "a" * 20


@pytest.mark.parametrize(
    ("goal", "name"),
    [
        ("删除登录页面", "shan-chu-deng-lu-ye-mian"),
        ("ログイン画面を追加する", "roguin-hua-mian-o-zhui-jia"),
        ("로그인 추가", "lo-geu-in-chu-ga"),
        ("إضافة تسجيل الدخول", "dfh-tsjyl-ldkhwl"),
        ("הוספת כניסה", "hvsft-khnysh"),
        ("เพิ่มหน้าเข้าสู่ระบบ", "ephimhnaekhasurabb"),
        ("लॉगिन पृष्ठ जोड़ें", "login-prsth-jodem"),
        ("შესვლის გვერდი", "shesvlis-gverdi"),
        ("የመግቢያ ገጽ", "yemegbiya-gets"),
        ("Մուտքի էջ", "mowtki-ej"),
    ],
)
def test_a_goal_in_any_script_has_a_name_that_can_be_read(goal: str, name: str) -> None:
    assert slug_from(goal) == name


def test_letters_that_have_no_latin_ones_give_a_name_of_their_own() -> None:
    unknown = [each for each in map(chr, range(0x10000, 0x1E000)) if each.isalpha()]
    goals = [each * 3 for each in unknown if not anyascii(each)]
    names = [slug_from(goal) for goal in goals[:20]]

    assert len(goals) > 20
    assert len({*names}) == len(names)
    assert all(re.fullmatch("feature-[0-9a-f]{6}", name) for name in names)
    assert slug_from(f" {goals[0]}\n{goals[1]} ") == slug_from(f"{goals[0]} {goals[1]}")


@given(st.text(max_size=700))
def test_whatever_the_prompt_the_slug_is_a_name(prompt: str) -> None:
    slug = slug_from(prompt)

    assert SLUG.fullmatch(slug)
    assert len(slug) <= MADE_NAME_LIMIT
    assert checked_name(slug) == slug


@given(st.lists(st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True), min_size=1, max_size=9))
def test_the_words_of_a_slug_are_the_first_seven_of_the_prompt(words: list[str]) -> None:
    assert slug_from("! ".join(words).upper()).split("-") == words[:7]


@pytest.mark.parametrize("name", ["a", "0", "add-login", "a" * NAME_LIMIT, "2fa-2", "feature"])
def test_a_slug_of_at_most_60_characters_is_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a--b",
        "Add-Login",
        "add login",
        "add_login",
        "été",
        "登录",
        "a/b",
        "..",
        "a\n",
        "\na",
        "a\u0661",
        "a" * (NAME_LIMIT + 1),
        "--help",
        "con",
        "nul",
        "lpt9",
    ],
)
def test_anything_else_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        checked_name(name)

    assert refused.value.code == "E304"
    example = slug_from(name)
    reason = refused.value.context["reason"]
    limited = {"name": name, "reason": reason, "limit": NAME_LIMIT, "example": example}
    assert refused.value.context == limited
    assert f": {reason}." in str(refused.value)
    assert checked_name(example) == example
    assert f"at most {NAME_LIMIT} characters, for example {example}." in str(refused.value)


def test_a_name_that_is_free_stays_as_it_is() -> None:
    assert free_name("login", {"logout"}.__contains__) == "login"


def test_a_name_that_is_taken_gets_the_first_free_number() -> None:
    assert free_name("login", {"login"}.__contains__) == "login-2"
    assert free_name("login", {"login", "login-2"}.__contains__) == "login-3"
    assert free_name("login", {"login", "login-2", "login-3"}.__contains__) == "login-4"
    assert free_name("login", {"login", "login-3"}.__contains__) == "login-2"
    assert free_name("login-2", {"login-2"}.__contains__) == "login-2-2"


def test_a_long_name_is_cut_so_that_its_number_fits() -> None:
    longest = "a" * NAME_LIMIT
    hyphen_at_the_cut = "a" * 51 + "-" + "b" * 8

    assert free_name(longest, {longest}.__contains__) == "a" * 52 + "-2"
    assert free_name(hyphen_at_the_cut, {hyphen_at_the_cut}.__contains__) == "a" * 51 + "-2"


@given(base=slugs, others=st.sets(slugs, max_size=5), numbers=st.sets(st.integers(2, 30)))
def test_a_free_name_is_a_name_that_nobody_bears(
    base: str, others: set[str], numbers: set[int]
) -> None:
    stem = base[:52].rstrip("-")
    taken = {base, *others, *(f"{stem}-{number}" for number in numbers)}

    free = free_name(base, taken.__contains__)

    assert free not in taken
    assert checked_name(free) == free
    assert free.startswith(f"{stem}-")


@given(st.lists(st.text(max_size=30), max_size=30))
def test_names_made_one_after_the_other_are_all_different(prompts: list[str]) -> None:
    names: list[str] = []
    for prompt in prompts:
        names.append(free_name(slug_from(prompt), names.__contains__))

    assert len(set(names)) == len(prompts)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        ("con", "Windows reserves it for a device"),
        ("a" * (NAME_LIMIT + 1), f"it has {NAME_LIMIT + 1} characters"),
        ("Con", "it has other characters than a name may have, or a hyphen too many"),
        ("a--b", "it has other characters than a name may have, or a hyphen too many"),
    ],
)
def test_the_reason_is_the_one_of_this_name(name: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        checked_name(name)

    assert refused.value.context["reason"] == reason
