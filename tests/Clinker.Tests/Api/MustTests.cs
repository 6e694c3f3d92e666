using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>The words of refused bodies: people search for them, and tools match them.</summary>
public sealed class MustTests
{
    [Theory]
    [InlineData("""{}""", "'volume' is a required property")]
    [InlineData("""[]""", "[] is not of type 'object'")]
    [InlineData("""null""", "None is not of type 'object'")]
    [InlineData("""{"volume": 1}""", "Invalid input for field/attribute volume. Value: 1. 1 is not of type 'object'")]
    [InlineData("""{"volume": {}, "x": 1}""", "Additional properties are not allowed ('x' was unexpected)")]
    [InlineData("""{"volume": {}, "y": 1, "x": 1}""", "Additional properties are not allowed ('x', 'y' were unexpected)")]
    [InlineData("""{"volume": {"size": 0}}""", "Invalid input for field/attribute size. Value: 0. 0 is less than the minimum of 1")]
    [InlineData("""{"volume": {"size": -1}}""", "Invalid input for field/attribute size. Value: -1. -1 is less than the minimum of 1")]
    [InlineData("""{"volume": {"size": "0"}}""", "Invalid input for field/attribute size. Value: 0. 0 is less than the minimum of 1")]
    [InlineData("""{"volume": {"size": 2147483648}}""",
        "Invalid input for field/attribute size. Value: 2147483648. 2147483648 is greater than the maximum of 2147483647")]
    [InlineData("""{"volume": {"size": "ten"}}""", "Invalid input for field/attribute size. Value: ten. 'ten' does not match '^[0-9]+$'")]
    [InlineData("""{"volume": {"size": 1.5}}""",
        "Invalid input for field/attribute size. Value: 1.5. 1.5 is not of type 'integer', 'string', 'null'")]
    [InlineData("""{"volume": {"size": true}}""",
        "Invalid input for field/attribute size. Value: True. True is not of type 'integer', 'string', 'null'")]
    [InlineData("""{"volume": {"size": [1, "a"]}}""",
        "Invalid input for field/attribute size. Value: [1, 'a']. [1, 'a'] is not of type 'integer', 'string', 'null'")]
    [InlineData("""{"volume": {"name": 3}}""", "Invalid input for field/attribute name. Value: 3. 3 is not of type 'string', 'null'")]
    [InlineData("""{"volume": {"metadata": {"a": 1}}}""", "Invalid input for field/attribute a. Value: 1. 1 is not of type 'string'")]
    [InlineData("""{"volume": {"metadata": {"a!": "x"}}}""",
        "Invalid input for field/attribute metadata. Value: {'a!': 'x'}. 'a!' does not match any of the regexes: '^[a-zA-Z0-9-_:. /]{1,255}$'")]
    [InlineData("""{"volume": {"snapshot_id": "x"}}""",
        "Invalid input for field/attribute snapshot_id. Value: x. 'x' is not valid under any of the given schemas")]
    [InlineData("""{"volume": {"multiattach": "maybe"}}""",
        "Invalid input for field/attribute multiattach. Value: maybe. 'maybe' is not valid under any of the given schemas")]
    public void A_volume_that_is_none(string body, string words) => Assert.Equal(words, Refused(VolumeCreate.Form, body, 71));

    [Fact]
    public void Names_are_measured_in_characters_after_trimming()
    {
        Assert.Equal("Invalid input received: name has 256 characters, more than 255.",
            Refused(VolumeCreate.Form, $$"""{"volume": {"name": "{{new string('é', 256)}}"} }""", 0));
        Accepted(VolumeCreate.Form, $$"""{"volume": {"name": "  {{new string('x', 255)}}  "} }""", 0);
        Accepted(VolumeCreate.Form, $$"""{"volume": {"name": "{{string.Concat(Enumerable.Repeat("😀", 255))}}"} }""", 0);
    }

    [Fact]
    public void Unknown_members_are_refused_from_3_53_on()
    {
        const string body = """{"volume": {"size": 1, "colour": "red"}}""";
        Accepted(VolumeCreate.Form, body, 52);
        Assert.Equal("Invalid input for field/attribute volume. Value: {'size': 1, 'colour': 'red'}. "
            + "Additional properties are not allowed ('colour' was unexpected)", Refused(VolumeCreate.Form, body, 53));
    }

    [Fact]
    public void An_update_needs_something_from_3_53_on()
    {
        Accepted(VolumeUpdate.Form, """{"volume": {}}""", 52);
        Assert.Equal("Invalid input for field/attribute volume. Value: {}. {} is not valid under any of the given schemas",
            Refused(VolumeUpdate.Form, """{"volume": {}}""", 53));
    }

    [Fact]
    public void Types_need_a_name()
    {
        Assert.Equal("Invalid input for field/attribute volume_type. Value: {}. 'name' is a required property",
            Refused(TypeForm.Create, """{"volume_type": {}}""", 0));
        Assert.Equal("Invalid input for field/attribute name. Value: . '' is too short",
            Refused(TypeForm.Create, """{"volume_type": {"name": ""}}""", 0));
        Assert.Equal("An invalid 'name' value was provided. The 'name' can not be empty.",
            Refused(TypeForm.Create, """{"volume_type": {"name": "  "}}""", 0));
    }

    [Fact]
    public void Reads_what_passes()
    {
        var want = VolumeCreate.Form.Read(Body.Parse(
            """{"volume": {"size": "7", "display_name": " n ", "multiattach": "off", "metadata": {"k": "v"}, "image_id": "i"}}""").Root);
        Assert.Equal((7, "n", false, "v", "i"), (want.Size, want.Name, want.Multiattach, want.Metadata!["k"], want.ImageRef));
    }

    static string Refused<T>(Form<T> form, string body, int minor) =>
        Assert.Throws<FaultException>(() => form.Of(Body.Parse(body), new(minor))).Message;

    static void Accepted<T>(Form<T> form, string body, int minor) => form.Of(Body.Parse(body), new(minor));
}

public sealed class BodyTests
{
    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("{\"a\": NaN}")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    [InlineData("{\"a\": 1,}")]
    [InlineData("{\"a\": \"\\ud800\"}")]
    [InlineData("{\"a\": [\"\\u0000\"]}")]
    [InlineData("{\"\\u0000\": 1}")]
    [InlineData("{\"a\": 1} {}")]
    public void What_is_no_json_is_refused(string text) =>
        Assert.Equal("Malformed request body", Assert.Throws<Refusal>(() => Body.Parse(text)).Message);

    [Fact]
    public void What_is_too_deep_is_refused()
    {
        Body.Parse(new string('[', 32) + new string(']', 32)).Dispose();
        Assert.Throws<Refusal>(() => Body.Parse(new string('[', 33) + new string(']', 33)));
    }

    [Fact]
    public void Escaped_texts_are_kept() => Assert.Equal("é😀", Body.Parse("{\"a\": \"\\u00e9\\ud83d\\ude00\"}").Root.Text("a"));

    [Theory]
    [InlineData("""{"a": 1, "b": 2}""")]
    [InlineData("""{}""")]
    [InlineData("""[]""")]
    public void An_action_has_one_key(string text) => Assert.Throws<Refusal>(() => Body.Parse(text).ActionKey());
}

public sealed class LiteralTests
{
    [Fact]
    public void Reads_what_python_would()
    {
        Assert.Equal(["a", "b"], Assert.IsType<List<object>>(Literal.Of("['a', \"b\"]")));
        Assert.Equal([1L, "x"], Assert.IsType<List<object>>(Literal.Of("(1,'x',)")));
        Assert.Equal("v", Assert.IsType<Dictionary<string, object>>(Literal.Of("{'k': 'v'}"))["k"]);
        Assert.Equal(5L, Literal.Of(" 5 "));
        Assert.Equal(true, Literal.Of("True"));
        Assert.Same(Literal.None, Literal.Of("None"));
        Assert.Equal("it's", Literal.Of("'it\\'s'"));
    }

    [Theory]
    [InlineData("available")]
    [InlineData("in-use")]
    [InlineData("['a'")]
    [InlineData("{'a'}")]
    [InlineData("007")]
    [InlineData("")]
    [InlineData("0e3f1c9a-0000-4000-8000-000000000000")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    public void Takes_anything_else_as_text(string text) => Assert.Equal(text, Literal.Of(text));
}
