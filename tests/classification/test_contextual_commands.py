# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Passwords on command lines are found although no name stands before them."""

import pytest

from agentguard.classification.contextual import ContextualDetector

DETECTOR = ContextualDetector()
PASSWORD = "Kd83jfXq"


@pytest.mark.parametrize(
    "line",
    [
        "curl -u admin:Kd83jfXq https://api.example.org/",
        "curl -s --user 'admin:Kd83jfXq' https://api.example.org/",
        "mysql -u root -pKd83jfXq shop",
        "mysqldump -pKd83jfXq shop",
        "sshpass -p Kd83jfXq ssh host",
        "sshpass -p 'Kd83jfXq' ssh host",
        "sshpass -pKd83jfXq ssh host",
        'new NetworkCredential("me", "Kd83jfXq")',
        'request.basicAuth("me", "Kd83jfXq")',
        'ConvertTo-SecureString "Kd83jfXq" -AsPlainText',
        "CREATE USER me IDENTIFIED WITH mysql_native_password BY 'Kd83jfXq'",
    ],
)
def test_a_password_without_a_name_is_found_whole(line: str) -> None:
    """The password is found, and what stands around it is left."""
    assert PASSWORD in [line[spot.start : spot.end] for spot in DETECTOR.detect(line)]


@pytest.mark.parametrize(
    "line",
    [
        "curl -u $USER:$PASSWORD https://api.example.org/",
        "curl -u user:password https://api.example.org/",
        "curl -u user: https://api.example.org/",
        "mysql -u root -p shop",
        "mysql -p${PASSWORD} shop",
        "mysql --port 3306 shop",
    ],
)
def test_a_command_without_a_password_is_left_alone(line: str) -> None:
    """Templates, placeholders and other options are no passwords."""
    assert DETECTOR.detect(line) == []
