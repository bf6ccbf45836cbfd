"""What every test folder shares."""

pytest_plugins = ["pytester", "tests.tools", "tests.serving"]
