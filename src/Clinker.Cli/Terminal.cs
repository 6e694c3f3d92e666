using System.Collections;
using System.Text;

namespace Clinker.Cli;

/// <summary>What a run of the command line is given by its surroundings, so that a test can give it something else.</summary>
internal sealed record Terminal
{
    public required TextWriter Out { get; init; }
    public required TextWriter Error { get; init; }
    public Func<Stream> In { get; init; } = () => Stream.Null;

    /// <summary>Whether a line on <see cref="Error"/> may be drawn over.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Columns of the terminal behind <see cref="Out"/>; null where there is none.</summary>
    public Func<int?> Width { get; init; } = () => null;

    /// <summary>Asks for what is not shown while it is typed; null where there is no terminal to ask on.</summary>
    public Func<string, string?> AskHidden { get; init; } = _ => null;

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Where relative names start.</summary>
    public required string Directory { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public static Terminal OfProcess() => new()
    {
        Out = new StreamWriter(new DescriptorStream(1), new UTF8Encoding(false), 16 * 1024),
        Error = new StreamWriter(new DescriptorStream(2), new UTF8Encoding(false)) { AutoFlush = true },
        In = Console.OpenStandardInput,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Width = Posix.TerminalWidth,
        AskHidden = Posix.AskHidden,
        Environment = System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "", StringComparer.Ordinal),
        Directory = System.Environment.CurrentDirectory,
    };

    /// <summary>The variable's value; null when it is absent or empty, as the OpenStack clients take it.</summary>
    public string? Variable(string name) => Environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;
}
