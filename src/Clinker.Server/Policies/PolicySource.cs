using Clinker.Server.Configuration;

namespace Clinker.Server.Policies;

/// <summary>The rules in force, read anew when their files change; a wrong file is told of, and what was in force before stays so.</summary>
sealed partial class PolicySource(Policy first, Func<IReadOnlyList<string>> files, ILogger log)
{
    string read = Stamp(files());

    /// <summary>The defaults, for good.</summary>
    public static PolicySource Defaults { get; } = new(Policy.Default, () => [], Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

    public Policy Current { get; private set; } = first;

    /// <summary>Looks whether the files have changed. Called now and then.</summary>
    public void Look()
    {
        var found = files();
        var now = Stamp(found);
        if (now == read) return;
        read = now;
        try
        {
            Current = PolicyFile.Read(found);
            Log.Read(log, found.Count == 0 ? "none" : string.Join(", ", found));
        }
        catch (FormatException e) { Log.Wrong(log, e.Message); }
    }

    static string Stamp(IReadOnlyList<string> files) => string.Concat(files.Select(FileStamp.Of));

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Policy rules are read anew: {Files}")]
        public static partial void Read(ILogger log, string files);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Why} The rules of before stay in force")]
        public static partial void Wrong(ILogger log, string why);
    }
}
