# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do connection strings, addresses and headers hold a password?"""

from agentguard.classification.classes import CREDENTIAL
from agentguard.classification.formats import validators
from agentguard.classification.formats.form import LONGEST_START, START, TokenFormat

_ADO = "https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax"

CONNECTIONS: tuple[TokenFormat, ...] = (
    TokenFormat(
        name="url_password",
        data_class=CREDENTIAL,
        keywords=("://",),
        pattern=r"""://[^\s/:@"'<>\\]*:([^\s/"'<>?#\\]+)@""",
        width=512,
        group=1,
        documentation="https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
        confirm=validators.not_templated,
        example=r"(?:postgres|mysql|mongodb\+srv|amqps|rediss|https)://app:([A-Za-z0-9_.!~*-]{8,24})@db[.]internal/main",
    ),
    TokenFormat(
        name="connection_string_password",
        data_class=CREDENTIAL,
        keywords=("passw", "pwd"),
        any_case=True,
        before=8,
        pattern=r"""(?i);\s{0,4}(?:password|pwd)\s{0,4}=\s{0,4}([^;\s"'<>\\]+)""",
        group=1,
        documentation=_ADO,
        confirm=validators.not_templated,
        example=r"Server=db;Database=main;User Id=app;(?:Password|PWD)=([A-Za-z0-9_.!~*-]{8,24});",
    ),
    TokenFormat(
        name="connection_string_first_password",
        data_class=CREDENTIAL,
        keywords=("passw", "pwd"),
        any_case=True,
        before=LONGEST_START,
        pattern="(?i)"
        + START
        + r"""(?:password|pwd)\s{0,4}=\s{0,4}([^;\s"'<>\\]+);\s{0,4}[a-z ]{2,30}=""",
        group=1,
        documentation=_ADO,
        confirm=validators.not_templated,
        example="Password=([A-Za-z0-9_.!~*-]{8,24});Server=db;",
    ),
    TokenFormat(
        name="authorization_header",
        data_class=CREDENTIAL,
        keywords=("autho",),
        any_case=True,
        pattern=r"""(?i)authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token|apikey|api-key|key|ssws|splunk|genie)\s{1,4}([A-Za-z0-9+/=._~:-]{8,})""",
        group=1,
        documentation="https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2",
        example=r"Authorization: (?:Basic|Bearer) ([A-Za-z0-9]{24,60})",
    ),
    TokenFormat(
        name="jdbc_password",
        data_class=CREDENTIAL,
        keywords=("jdbc:",),
        pattern=r"""jdbc:[a-z0-9:]{2,30}[^\s"'<>]{0,300}?[?&;:](?:password|PASSWORD|Password|pwd)=([^\s"'<>&;]+)""",
        width=512,
        group=1,
        documentation="https://jdbc.postgresql.org/documentation/use/",
        confirm=validators.not_templated,
        example=r"jdbc:postgresql://db/main\?user=app&password=([A-Za-z0-9_.!~*-]{8,24})",
    ),
    TokenFormat(
        name="oracle_connect_password",
        data_class=CREDENTIAL,
        keywords=("jdbc:oracle:",),
        pattern=r"jdbc:oracle:(?:thin|oci8?):[A-Za-z0-9_$#]{1,30}/([^\s@/\"']{3,64})@",
        group=1,
        documentation="https://docs.oracle.com/en/database/oracle/oracle-database/23/jjdbc/data-sources-and-URLs.html",
        confirm=validators.not_templated,
        example=r"jdbc:oracle:thin:scott/([A-Za-z0-9_.!~*-]{8,24})@db:1521:main",
    ),
    TokenFormat(
        name="libpq_password",
        data_class=CREDENTIAL,
        keywords=("password=",),
        before=200,
        pattern=r"""(?:host|hostaddr|dbname|user)=[^\s"']{1,80}(?:\s[a-z_]{2,24}=[^\s"']{0,80}){0,6}\spassword=([^\s"'\\]+)""",
        group=1,
        documentation="https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING",
        confirm=validators.not_templated,
        example=r"host=db port=5432 user=app password=([A-Za-z0-9_.!~*-]{8,24})",
    ),
    TokenFormat(
        name="go_mysql_password",
        data_class=CREDENTIAL,
        keywords=("@tcp(", "@unix("),
        before=96,
        pattern=r"""[A-Za-z0-9_.-]{1,32}:([^\s"'`@]{1,64})@(?:tcp|unix)\(""",
        group=1,
        documentation="https://github.com/go-sql-driver/mysql#dsn-data-source-name",
        confirm=validators.not_templated,
        example=r"app:([A-Za-z0-9_.!~*-]{8,24})@tcp\(db:3306\)/main",
    ),
    TokenFormat(
        name="netrc_password",
        data_class=CREDENTIAL,
        keywords=("machine ", "default login"),
        pattern=r"(?:machine\s{1,4}[^\s]{1,80}|default)\s{1,8}login\s{1,4}[^\s]{1,80}\s{1,8}password\s{1,4}([^\s]+)",
        width=384,
        group=1,
        documentation="https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html",
        example="machine example[.]org login app password ([A-Za-z0-9_.!~*-]{8,24})",
    ),
)
