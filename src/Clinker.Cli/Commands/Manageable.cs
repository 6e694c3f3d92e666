using System.CommandLine;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>block storage volume manageable list</c>, and the same of snapshots.</summary>
internal static class Manageable
{
    static readonly Column[] Brief =
        [new("reference", f => Cell.Map(f["reference"])), new("size", "size"), new("safe_to_manage", "safe_to_manage")];

    static readonly Column Source = new("source_reference", f => Cell.Map(f["source_reference"]));

    static readonly Column[] More = [new("reason_not_safe", "reason_not_safe"), new("cinder_id", "cinder_id"), new("extra_info", "extra_info")];

    /// <param name="kind">volume or snapshot.</param>
    public static Command List(Session session, string kind) => new Command("manageable", $"What could become a {kind}").With(
        session.Command("list", $"List manageable {kind}s", command =>
        {
            var host = new Argument<string?>("host") { Description = "Where to look: host@backend-name#pool", Arity = ArgumentArity.ZeroOrOne };
            var cluster = Opt.Text("--cluster", "cluster", "The cluster in which to look, instead of a host");
            var longer = Opt.Flag("--long", "List additional fields in output");
            var marker = Opt.Text("--marker", "marker", "Begin after this reference: {'source-name': '…'}");
            var limit = Opt.Number("--limit", "number", $"Maximum number of {kind}s to display", least: 0);
            var offset = Opt.Number("--offset", "number", $"Number of {kind}s to leave out first", least: 0);
            var sort = Opt.Text("--sort", "key[:direction]", "Keys to sort by, comma-separated: size, reference; asc or desc");
            command.With(host, cluster, longer, marker, limit, offset, sort);
            command.Validators.Add(result =>
            {
                if (string.IsNullOrEmpty(result.GetValue(host)) != result.Given(cluster)) result.AddError("One of <host> and --cluster is needed.");
            });
            var output = OutputOptions.ForList(command, session.Terminal);

            return async (parse, api, token) =>
            {
                var full = parse.GetValue(longer);
                List<(string, string?)> query =
                [
                    ("host", parse.GetValue(host)), ("cluster", parse.GetValue(cluster)), ("marker", parse.GetValue(marker)),
                    ("offset", parse.GetValue(offset)?.ToString(System.Globalization.CultureInfo.InvariantCulture)), ("sort", parse.GetValue(sort)),
                ];
                var found = await api.List($"manageable_{kind}s{(full ? "/detail" : "")}", query, $"manageable-{kind}s", token, parse.GetValue(limit));
                Column[] columns = [.. Brief, .. kind == "snapshot" ? [Source] : Array.Empty<Column>(), .. full ? More : []];
                output.Write(parse, new Listing([.. columns.Select(c => c.Header)], [.. found.Select(f => columns.Select(c => c.Of(f)).ToArray())]));
            };
        }));
}
