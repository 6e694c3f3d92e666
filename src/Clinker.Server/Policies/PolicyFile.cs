using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Clinker.Server.Policies;

/// <summary>Where a deployment says who may do what; neither need be there.</summary>
/// <param name="Folder">Holds more such files, which are read after it in the order of their names.</param>
sealed record PolicyPlace(string File, string Folder)
{
    /// <summary>The files that are there now, in the order in which they are read: what is read later wins.</summary>
    public IReadOnlyList<string> Found()
    {
        var found = System.IO.File.Exists(File) ? new List<string> { File } : [];
        try { found.AddRange(Directory.EnumerateFiles(Folder).Where(n => !Path.GetFileName(n).StartsWith('.')).Order(StringComparer.Ordinal)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* it is not there */ }
        return found;
    }
}

/// <summary>
/// Reads what a deployment says of the rules (oslo.policy's <c>policy_file</c> and <c>policy_dirs</c>): YAML or JSON, a mapping of names
/// to text, or to the older lists of lists.
/// </summary>
static class PolicyFile
{
    /// <summary>The rules in force with all of these files.</summary>
    /// <exception cref="FormatException">What is wrong, with its file and line.</exception>
    public static Policy Read(IEnumerable<string> files)
    {
        var own = new Dictionary<string, Check>();
        foreach (var file in files)
            foreach (var (name, check) in Rules(file)) own[name] = check;
        try { return Policy.Default.With(own); }
        catch (FormatException e) { throw new FormatException($"policy: {e.Message}.", e); }
    }

    static IEnumerable<(string Name, Check Check)> Rules(string file)
    {
        var yaml = new YamlStream();
        try
        {
            var text = File.ReadAllText(file);
            DemandPlain(text);
            yaml.Load(new StringReader(text));
        }
        catch (FormatException e) { throw new FormatException($"{file}, {e.Message}", e); }
        catch (YamlException e) { throw new FormatException($"{file}, line {e.Start.Line}: {e.Message}", e); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new FormatException($"{file} can't be read: {e.Message}", e); }
        // The library says so of some texts that are no YAML, and of those that refer to themselves.
        catch (Exception e) when (e is ArgumentException or InvalidOperationException) { throw new FormatException($"{file} is no YAML: {e.Message}", e); }
        if (yaml.Documents.Count == 0) yield break; // only comments, as a sample file has
        if (yaml.Documents[0].RootNode is not YamlMappingNode rules)
        {
            if (yaml.Documents[0].RootNode is YamlScalarNode { Value: null or "" }) yield break;
            throw new FormatException($"{file}: a mapping of rules is expected, name: \"check\".");
        }
        foreach (var (key, value) in rules)
        {
            if (key is not YamlScalarNode { Value: { } name }) throw new FormatException($"{file}, line {key.Start.Line}: a rule's name is text.");
            Check check;
            try { check = Parse(value); }
            catch (FormatException e) { throw new FormatException($"{file}, line {key.Start.Line}, {name}: {e.Message}.", e); }
            yield return (name, check);
        }
    }

    /// <summary>
    /// Looks at the text before a tree is made of it: one with aliases for keys, or that is nested without end, would take the stack and
    /// with it the daemon.
    /// </summary>
    static void DemandPlain(string text)
    {
        var depth = 0;
        for (var events = new Parser(new StringReader(text)); events.MoveNext();)
            switch (events.Current)
            {
                case AnchorAlias or NodeEvent { Anchor.IsEmpty: false }:
                    throw new FormatException($"line {events.Current.Start.Line}: anchors and aliases (& and *) are not read.");
                case MappingStart or SequenceStart when ++depth > MostNested:
                    throw new FormatException($"line {events.Current.Start.Line}: it is nested too deeply.");
                case MappingEnd or SequenceEnd:
                    depth--;
                    break;
            }
    }

    /// <summary>A mapping of lists of lists has three.</summary>
    const int MostNested = 8;

    static Check Parse(YamlNode value) => value switch
    {
        YamlScalarNode text => CheckParser.Parse(text.Value ?? ""),
        YamlSequenceNode { Children: { Count: 0 } } => new Check.Always(true),
        YamlSequenceNode any => new Check.Any([.. any.Select(Every)]),
        _ => throw new FormatException("a rule is text, or a list of lists of checks"),
    };

    static Check Every(YamlNode node) => node switch
    {
        YamlScalarNode { Value: { Length: > 0 } one } => CheckParser.One(one),
        YamlSequenceNode all when all.All(c => c is YamlScalarNode { Value.Length: > 0 }) =>
            new Check.All([.. all.Select(c => CheckParser.One(((YamlScalarNode)c).Value!))]),
        _ => throw new FormatException("a rule's list holds checks, or lists of them"),
    };
}
