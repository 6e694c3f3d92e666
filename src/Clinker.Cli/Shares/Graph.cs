namespace Clinker.Cli.Shares;

/// <summary>One translator of a volume's client graph.</summary>
internal sealed record Translator(string Name, string Type, IReadOnlyDictionary<string, string> Options, IReadOnlyList<string> Below);

/// <summary>Reads a volfile: what a client that mounts the volume is going to run.</summary>
internal static class Graph
{
    public static IReadOnlyList<Translator> Parse(string volfile)
    {
        var all = new List<Translator>();
        string name = "", type = "";
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] below = [];
        foreach (var line in volfile.Split('\n'))
        {
            var words = line.Trim().Split((char[]?)null, 3, StringSplitOptions.RemoveEmptyEntries);
            switch (words)
            {
                case ["volume", var v, ..]: (name, type, options, below) = (v, "", new(StringComparer.Ordinal), []); break;
                case ["type", var t, ..]: type = t; break;
                case ["option", var key, var value]: options[key] = value; break;
                case ["subvolumes", ..]: below = line.Trim().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1..]; break;
                case ["end-volume"]: all.Add(new Translator(name, type, options, below)); break;
            }
        }
        return all;
    }

    /// <summary>The bricks that the graph's clients connect to.</summary>
    public static IEnumerable<(string Host, string Path)> Bricks(IEnumerable<Translator> graph) => graph
        .Where(t => t.Type == "protocol/client")
        .Select(t => (Host: t.Options.GetValueOrDefault("remote-host"), Path: t.Options.GetValueOrDefault("remote-subvolume")))
        .Where(b => b.Host is not null && b.Path is not null).Select(b => (b.Host!, b.Path!)).Distinct();
}
