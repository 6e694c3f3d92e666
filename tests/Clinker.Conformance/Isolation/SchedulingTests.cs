using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>What becomes of a volume says nothing of the volumes of others, nor where anything lies.</summary>
public sealed class SchedulingTests(TwoProjects daemon) : IClassFixture<TwoProjects>
{
    [Theory]
    [InlineData("same_host")]
    [InlineData("different_host")]
    [InlineData("local_to_instance")]
    public async Task A_hint_at_what_is_foreign_is_as_good_as_one_at_nothing(string hint)
    {
        var theirs = hint == "local_to_instance" ? daemon.Other.Servers[^1] : daemon.Other.Ids["volumes"];
        var (foreign, absent) = (await Made(theirs), await Made(Marks.AbsentLike(theirs)));
        Assert.Equal(absent, foreign);
        if (hint == "same_host") Assert.NotEqual(absent, await Made(daemon.Curious.Ids["volumes"])); // there is something to tell

        async Task<string> Made(string of)
        {
            var made = await daemon.Curious.Wire.Send("POST", "/v3/volumes", new JsonObject
            {
                ["volume"] = new JsonObject { ["size"] = 1, ["volume_type"] = "__DEFAULT__" },
                ["OS-SCH-HNT:scheduler_hints"] = new JsonObject { [hint] = of },
            }.ToJsonString(), "3.71");
            Assert.Equal(202, made.Status);
            await daemon.Tables.AtRest();
            var id = (string)made.Json["volume"]!["id"]!;
            var volume = await daemon.Curious.Wire.Get($"/v3/volumes/{id}", "3.71");
            var messages = await daemon.Curious.Wire.Get($"/v3/messages?resource_uuid={id}", "3.71");
            return string.Join('\n', ((JsonArray)messages.Json["messages"]!).Select(m => (string)m!["user_message"]!).Prepend((string)volume.Json["volume"]!["status"]!));
        }
    }

    [Fact]
    public async Task Only_admins_are_told_what_was_against_each_pool()
    {
        var message = (await daemon.Curious.Wire.Get($"/v3/messages/{daemon.Curious.Ids["messages"]}", "3.71")).Json["message"]!;
        Assert.Equal("schedule allocate volume: No valid backend was found.", (string)message["user_message"]!);
        var operation = (await daemon.Wire.Get($"/v3/operations/{message["id"]}", "3.71")).Json["operation"]!; // the message has its id
        Assert.Contains($"{TwoProjects.Host}@{Roles.Tokens.Backend}", (string)operation["fault"]!, StringComparison.Ordinal);
        Assert.Contains($"{TwoProjects.Host}@{Roles.Tokens.Backend}", daemon.Log, StringComparison.Ordinal);
    }
}
