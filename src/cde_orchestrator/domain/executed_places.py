"""Places in a project whose files others execute, as soon as they are there."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_PLACES = {
    "GitHub Actions": ".github/workflows/ .github/actions/ action.yml action.yaml",
    "GitHub, or its agents": ".github/ .copilot/",
    "GitLab's CI": ".gitlab-ci.yml .gitlab-ci.yaml *.gitlab-ci.yml .gitlab/",
    "your CI": (
        ".appveyor.yml .azure-pipelines/ .azuredevops/ .bitrise.yml .build.yml .buildkite/"
        " .builds/ .circleci/ .cirrus.star .cirrus.yml .codefresh/ .drone.* .evergreen.yml"
        " .forgejo/ .gitea/ .harness/ .mergify.yml .pipelines/ .prow.yaml .semaphore/"
        " .spacelift/ .taskcluster.yml .teamcity/ .tekton/ .travis.yml .woodpecker.*"
        " .woodpecker/ .zuul.d/ .zuul.yaml Earthfile Jenkinsfile* *.jenkinsfile"
        " appspec.yml appveyor.yml atlantis.yaml azure-pipelines*.yml bitbucket-pipelines.yml"
        " bitrise.yml buildspec*.yml buildspec*.yaml cloudbuild.* codefresh.yml codemagic.yaml"
        " renovate.json* .renovaterc* zuul.d/ zuul.yaml"
    ),
    "a host that deploys the project": (
        ".htaccess .readthedocs.y*ml .user.ini Procfile amplify.yml app.json app.yaml"
        " firebase.json fly.toml heroku.yml netlify.toml nixpacks.toml railway.json render.yaml"
        " serverless.yml vercel.json web.config wrangler.toml"
    ),
    "VS Code": ".vscode/ .theia/ *.code-workspace",
    "JetBrains' editors": ".fleet/ .idea/ .run/",
    "your editor": (
        ".atom/ .bloop/ .bsp/ .classpath .clangd .dir-locals*.el .exrc .externalToolBuilders/"
        " .helix/ .lvimrc .metals/ .nova/ .nvim.lua .nvim/ .nvimrc .project .projectile"
        " .projections.json .settings/ .vim/ .vimrc .vimspector.json .vs/ .ycm_extra_conf.py"
        " .zed/ *.launch *.sublime-project *.xcodeproj/ *.xcworkspace/ _CoqProject hie.yaml"
        " nbproject/*.properties nbproject/*.xml"
    ),
    "a development container": (
        ".codesandbox/ .devcontainer.json .devcontainer/ devcontainer.json .gitpod.Dockerfile"
        " .ddev/ .gitpod.yml .idx/ .replit devbox.json pixi.toml replit.nix"
    ),
    "your shell": (
        ".autoenv* .bash_* .bashrc .config/ .cshrc .direnv/ .env .env.development* .env.local"
        " .env.production* .env.staging* .env.test* .env.zsh .envrc .inputrc .kshrc .local/"
        " .login .mise.toml .mise/ mise.toml mise.*.toml .pam_environment .profile .rtx.toml"
        " .ssh/ .tcshrc .tool-versions .xinitrc .xprofile .xsession .zlogin .zlogout .zprofile"
        " .zshenv .zshrc devenv.nix devenv.yaml flake.nix shell.nix default.nix"
    ),
    "an interpreter or debugger when it starts": (
        ".byebugrc .curlrc .gdbinit .ghci .iex.exs .ipython/ .irbrc .jupyter/ .lldbinit"
        " .ocamlinit .octaverc .perldb .pryrc .psqlrc .pythonrc.py .pythonstartup .Rprofile"
        " .Renviron .sqliterc .venv/ .wgetrc jupyter_*_config.py sitecustomize.py startup.m"
        " usercustomize.py venv/bin/ venv/lib/ venv/Scripts/ *.pth"
    ),
    "git, or what runs its hooks": (
        ".bzr/ .captainhook.json captainhook.json .git-hooks/ .gitattributes .gitconfig"
        " .githooks/ githooks/pre-* githooks/post-* githooks/*-msg .gitmodules"
        " .hg/ .hooks/ .husky/ .huskyrc* .jj/ .lefthook*"
        " lefthook*.y*ml lefthook*.toml lefthook*.json .lfsconfig .lintstagedrc*"
        " lint-staged.config.* .overcommit.yml .pre-commit-config.yaml pre-commit-config.yaml"
        " .pre-commit-hooks.yaml"
        " .simple-git-hooks.* simple-git-hooks.* .sl/ .svn/ hooks/applypatch-msg"
        " hooks/commit-msg hooks/fsmonitor-watchman hooks/p4-* hooks/post-* hooks/pre-*"
        " hooks/prepare-commit-msg hooks/proc-receive hooks/push-to-checkout"
        " hooks/reference-transaction hooks/sendemail-validate hooks/update"
    ),
    "coding agents": (
        ".agent/ .agents/ .ai/ .aider* .amazonq/ .amp/ .augment-guidelines .augment/ .claude*"
        " .claude/ .cline/ .clinerules .clinerules/ .codebuddy/ .codeium/ .codex/ .continue/"
        " .continuerc.json .crush.json .crush/ .cursor/ .cursorrules .devin/ .factory/ .gemini/"
        " .goose/ .goosehints .grok/ .iflow/ .junie/ .kilocode* .kilocode/ .kiro/ .mcp.json"
        " .opencode/ .openhands/ .pi/ .qoder/ .qwen/ .roo* .roo/ .ruler/ .rules .rulesync/"
        " .tabnine/ .trae/ .warp/ .windsurf/ .windsurfrules AGENT.md AGENTS*.md CLAUDE*.md"
        " CRUSH.md GEMINI*.md IFLOW.md QWEN.md SKILL.md WARP.md crush.json mcp.json"
        " opencode.json* replit.md sweep.yaml"
    ),
    "a package manager": (
        ".bundle/ .cargo/ .condarc .corepack.env .gemrc .mvn/ .npmrc .pnp.* .pnpmfile.*"
        " pnpmfile.* .yarn/ .yarnrc* bunfig.toml composer.json conanfile.py deno.json*"
        " environment.y*ml Gemfile *.gemspec nuget.config package.json packages.config pip.conf"
        " hatch_build.py pdm.toml pdm_build.py Pipfile pnpm-workspace.yaml Podfile poetry.toml"
        " pyproject.toml setup.cfg setup.py uv.toml node_modules/"
    ),
    "a build that an editor starts": (
        ".bazelrc .buckconfig *.bzl *.cabal *.cmake *.csproj *.fsproj *.gradle *.gradle.kts"
        " *.props *.sbt *.targets *.vbproj *.vcxproj BUCK BUILD BUILD.bazel binding.gyp"
        " build.rs build.zig cabal.project* Cargo.toml CMakeLists.txt CMakePresets.json"
        " CMakeUserPresets.json dub.json dub.sdl global.json gradle.properties gradle/wrapper/"
        " gradlew gradlew.bat lakefile.* lerna.json meson.build mix.exs MODULE.bazel mvnw"
        " mvnw.cmd nx.json Package.swift pom.xml project.clj rebar.config* rust-toolchain*"
        " Setup.hs stack.yaml turbo.json WORKSPACE WORKSPACE.bazel"
    ),
    "a test run": (
        ".coveragerc .mocharc* .proverc .pytest.ini pytest.ini .rspec .simplecov ava.config.*"
        " .nycrc* conftest.py cucumber.js cypress.config.* jest.config.* karma.conf.* noxfile.py"
        " phpunit.xml* playwright.config.* pytest.toml .pytest.toml testem.js tox.ini tox.toml"
        " vitest.config.* vitest.workspace.* wdio.conf.js"
    ),
    "a linter, formatter or bundler": (
        ".babelrc* babel.config.* .commitlintrc* commitlint.config.* .credo.exs .eslintrc*"
        " eslint.config.* .flake8 .formatter.exs .luacheckrc .luarc.json .mypy.ini mypy.ini"
        " .php-cs-fixer*.php .postcssrc* postcss.config.* .prettierrc* prettier.config.*"
        " .pylintrc pylintrc .pylintrc.toml .releaserc* release.config.* .rubocop*.yml"
        " .solargraph.yml .stylelintrc* stylelint.config.* .swcrc Gruntfile.* gulpfile.*"
        " astro.config.* jsconfig*.json metro.config.* next.config.* nuxt.config.*"
        " rollup.config.* svelte.config.* tailwind.config.* tsconfig*.json vite.config.*"
        " webpack.config.* .graphqlrc* .parcelrc .storybook/ .vitepress/ angular.json"
        " craco.config.js docs/conf.py gatsby-*.js rspack.config.* vue.config.js"
    ),
    "the file manager": "autorun.inf desktop.ini *.desktop *.lnk",
}
"""Who executes what, the first that fits: a folder ends with a slash, ``*`` is any text.

It is not what a person runs by asking for it, such as a Makefile, a Dockerfile or a script,
and not the sources of the project: its tests and its program execute them all.
"""

TOOLS_OF_A_PROJECT = frozenset(
    {
        "a package manager",
        "a build that an editor starts",
        "a test run",
        "a linter, formatter or bundler",
    }
)
"""Those of them that are part of the work: whoever runs the tests runs what these files say."""

_SHORT_NAME = re.compile(r"~\d")


def executed_by(path: str) -> str | None:
    """Who executes what is written to this path of a project by itself, or None.

    A place is one at any depth: what is a project's folder may be a repository of its own. Names
    are compared as the most careless file system compares them.
    """
    known = "".join(f"/{known_part(part)}" for part in path.split("/"))
    if _SHORT_NAME.search(known):
        return "whatever else has this short name on Windows"
    return next((who for who, places in _rules() if places.search(known)), None)


def known_part(part: str) -> str:
    """A part of a path by the name that some file system takes for the same.

    Capitals, composed letters, characters without width, dots and blanks at the end and streams
    of NTFS make no difference there.
    """
    if part.isascii():  # as nearly all are, and none of what follows changes them otherwise
        text = part.lower()
    else:
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())
        text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return text.partition(":")[0].rstrip(". ")


@cache
def _rules() -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for who, places in _PLACES.items():
        each = (
            re.escape(place.removesuffix("/").casefold()).replace(r"\*", "[^/]*")
            + ("/" if place.endswith("/") else "$")
            for place in places.split()
        )
        found.append((who, re.compile(f"/(?:{'|'.join(each)})")))
    return found
