using System.Text.Json.Nodes;
using Clinker.Cli.Output;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>What is expected here was printed by cliff 4.1 with prettytable 3.6 and osc-lib's columns.</summary>
public sealed class OutputTests
{
    static readonly Listing Volumes = new(["ID", "Name", "Status", "Size", "Attached to"],
    [
        ["0f2a3a5e-5e0c-4a52-8f3f-0f6c5a0d9a11", "myvol", "available", 10, ""],
        ["b", "ünïcødé 東京", "error", 1, "Attached to x on /dev/vdb "],
    ]);

    static readonly Detail One = new(
    [
        ("attachments", new Cell(JsonNode.Parse("""[{"id": "a", "k": null, "n": 1.5, "t": true}]"""))),
        ("bootable", "false"), ("encrypted", false), ("name", new Cell(null)),
        ("properties", Cell.Map(JsonNode.Parse("""{"b": "2", "a": "it's"}"""))), ("size", 10), ("text", "two\nlines"),
    ]);

    [Fact]
    public void A_list_as_a_table() => Assert.Equal("""
        +--------------------------------------+--------------+-----------+------+----------------------------+
        | ID                                   | Name         | Status    | Size | Attached to                |
        +--------------------------------------+--------------+-----------+------+----------------------------+
        | 0f2a3a5e-5e0c-4a52-8f3f-0f6c5a0d9a11 | myvol        | available |   10 |                            |
        | b                                    | ünïcødé 東京 | error     |    1 | Attached to x on /dev/vdb  |
        +--------------------------------------+--------------+-----------+------+----------------------------+

        """, TableText.Of(Volumes, 0, false));

    [Fact]
    public void A_table_that_has_to_fit_is_wrapped() => Assert.Equal("""
        +-------------+-------+-----------+------+---------------+
        | ID          | Name  | Status    | Size | Attached to   |
        +-------------+-------+-----------+------+---------------+
        | 0f2a3a5e-   | myvol | available |   10 | Attached to x |
        | 5e0c-4a52-  |       |           |      | on /dev/vdb   |
        | 8f3f-       |       |           |      |               |
        | 0f6c5a0d9a1 |       |           |      |               |
        | 1           |       |           |      |               |
        +-------------+-------+-----------+------+---------------+

        """, TableText.Of(Volumes with { Rows = [["0f2a3a5e-5e0c-4a52-8f3f-0f6c5a0d9a11", "myvol", "available", 10, "Attached to x on /dev/vdb "]] }, 60, false));

    [Fact]
    public void A_column_that_is_wrapped_is_as_wide_as_it_may_be() => Assert.Equal("""
        +-------------------+---------+-----------+------+-------------+
        | ID                | Name    | Status    | Size | Attached to |
        +-------------------+---------+-----------+------+-------------+
        | 4fe651a8-9c82-    | cmp two | available |    2 |             |
        | 4eaa-83c7-        |         |           |      |             |
        | 323b23564c57      |         |           |      |             |
        +-------------------+---------+-----------+------+-------------+

        """, TableText.Of(Volumes with { Rows = [["4fe651a8-9c82-4eaa-83c7-323b23564c57", "cmp two", "available", 2, ""]] }, 70, false));

    [Fact]
    public void One_thing_as_a_table() => Assert.Equal("""
        +-------------+-----------------------------------------------+
        | Field       | Value                                         |
        +-------------+-----------------------------------------------+
        | attachments | [{'id': 'a', 'k': None, 'n': 1.5, 't': True}] |
        | bootable    | false                                         |
        | encrypted   | False                                         |
        | name        | None                                          |
        | properties  | a='it's', b='2'                               |
        | size        | 10                                            |
        | text        | two                                           |
        |             | lines                                         |
        +-------------+-----------------------------------------------+

        """, TableText.Of(One, 0));

    [Fact]
    public void Long_words_fill_the_line_and_break_at_hyphens() => Assert.Equal("""
        +-------------+------------------------+
        | Field       | Value                  |
        +-------------+------------------------+
        | description | a fairly long          |
        |             | description of nothing |
        |             | in par-ticular, with-  |
        |             | hyphens and averyveryv |
        |             | erylongwordthatdoesnot |
        |             | fit                    |
        +-------------+------------------------+

        """, TableText.Of(new Detail([("description", "a fairly long description of nothing in par-ticular, with-hyphens and averyveryverylongwordthatdoesnotfit")]), 40));

    [Fact]
    public void Nothing_is_an_empty_line_or_an_empty_table()
    {
        Assert.Equal("\n", TableText.Of(Volumes with { Rows = [] }, 0, printEmpty: false));
        Assert.Equal("""
            +----+------+--------+------+-------------+
            | ID | Name | Status | Size | Attached to |
            +----+------+--------+------+-------------+
            +----+------+--------+------+-------------+

            """, TableText.Of(Volumes with { Rows = [] }, 0, printEmpty: true));
    }

    [Fact]
    public void Values_are_what_Python_prints()
    {
        Assert.Equal("[{'id': 'a', 'k': None, 'n': 1.5, 't': True}]\nfalse\nFalse\nNone\n{'b': '2', 'a': \"it's\"}\n10\ntwo\nlines\n", LineText.Values(One));
        Assert.Equal("0f2a3a5e-5e0c-4a52-8f3f-0f6c5a0d9a11 myvol available 10 \nb ünïcødé 東京 error 1 Attached to x on /dev/vdb \n", LineText.Values(Volumes));
    }

    [Fact]
    public void Shell_variables_can_be_evaluated() => Assert.Equal("""
        attachments="[{'id': 'a', 'k': None, 'n': 1.5, 't': True}]"
        bootable="false"
        encrypted="False"
        name="None"
        properties="{'b': '2', 'a': \"it's\"}"
        size="10"
        text="two
        lines"

        """, LineText.Shell(One, ""));

    [Fact]
    public void Csv_quotes_what_is_no_number() => Assert.Equal("""
        "ID","Name","Status","Size","Attached to"
        "c","q""uo,te","x",2,""

        """, LineText.Csv(Volumes with { Rows = [["c", "q\"uo,te", "x", 2, new Cell(null)]] }, "nonnumeric"));

    [Fact]
    public void Json_keeps_kinds_and_letters() => Assert.Equal("""
        [
          {
            "ID": "b",
            "Name": "ünïcødé 東京",
            "Status": "error",
            "Size": 1,
            "Attached to": null
          }
        ]

        """, JsonText.Of(Volumes with { Rows = [["b", "ünïcødé 東京", "error", 1, new Cell(null)]] }, indented: true));

    [Fact]
    public void Yaml_keeps_kinds() => Assert.Equal("""
        attachments:
        - id: a
          k: null
          n: 1.5
          t: true
        bootable: 'false'
        encrypted: false
        name: null
        properties:
          b: '2'
          a: it's
        size: 10
        """, YamlText.Of(new Detail([.. One.Fields.SkipLast(1)])).TrimEnd());
}
