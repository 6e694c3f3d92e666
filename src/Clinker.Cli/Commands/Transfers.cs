using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume transfer request …</c>.</summary>
internal static class Transfers
{
    static readonly Noun Noun = new("volume transfer request", "volume-transfers", "transfer", "transfers")
    {
        Argument = "transfer-request",
        ListPath = "volume-transfers/detail",
        Columns = [new("ID", "id"), new("Name", "name"), new("Volume", "volume_id")],
        Filters = [Filter.AllProjects],
    };

    public static Command Make(Session session) => new Command("transfer", "Volumes that change hands").With(
        new Command("request", "Volume transfer requests").With(
            Create(session), Noun.List(session, "List volume transfer requests"), Noun.Show(session, "Show volume transfer request details"),
            Noun.Delete(session, "Delete volume transfer request(s)"), Accept(session)));

    static Command Create(Session session) => session.Command("create", "Create volume transfer request", command =>
    {
        var volume = Opt.One("volume", "Volume to transfer (name or ID)");
        var name = Opt.Text("--name", "name", "New transfer request name (default to None)");
        var with = Opt.Flag("--snapshots", "Transfer the volume's snapshots along (default)");
        var without = Opt.Flag("--no-snapshots", "Leave the volume's snapshots with their project");
        command.With(volume, name, with, without);
        command.Exclusive(with, without);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var transfer = new JsonObject
            {
                ["volume_id"] = (string?)(await Names.Volume(api, parse.GetRequiredValue(volume), token))["id"], ["name"] = parse.GetValue(name),
            };
            if (parse.GetValue(with) || parse.GetValue(without)) transfer["no_snapshots"] = parse.GetValue(without);
            output.Write(parse, Detail.Of(Noun.Inner(await api.Post(Noun.Path, new JsonObject { ["transfer"] = transfer }, token))));
        };
    });

    static Command Accept(Session session) => session.Command("accept", "Accept volume transfer request", command =>
    {
        var which = Opt.One("transfer-request-id", "Volume transfer request to accept (ID only)");
        var key = Opt.Text("--auth-key", "key", "Volume transfer request authentication key");
        key.Required = true;
        command.With(which, key);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) => output.Write(parse, Detail.Of(Noun.Inner(await api.Post(
            $"{Noun.Path}/{Uri.EscapeDataString(parse.GetRequiredValue(which))}/accept",
            new JsonObject { ["accept"] = new JsonObject { ["auth_key"] = parse.GetValue(key) } }, token))));
    });
}
