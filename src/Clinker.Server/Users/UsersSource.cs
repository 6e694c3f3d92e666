using Clinker.Server.Configuration;

namespace Clinker.Server.Users;

/// <summary>The users in force, read anew when their file changes; a wrong file is told of, and those of before stay.</summary>
sealed partial class UsersSource
{
    readonly string file;
    readonly ILogger log;
    string read = "";

    /// <summary>Reads the file; where it has become wrong since it was checked, nobody is let in.</summary>
    public UsersSource(string file, ILogger log)
    {
        this.file = file;
        this.log = log;
        Look();
    }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, User> Current { get; private set; } = new Dictionary<string, User>();

    /// <summary>Whether somebody has a place in this project.</summary>
    public ValueTask<bool> HasProject(string id) => new(Current.Values.Any(u => u.Projects.Any(p => p.ProjectId == id)));

    /// <summary>Looks whether the file has changed. Called now and then.</summary>
    public void Look()
    {
        var now = FileStamp.Of(file);
        if (now == read) return;
        read = now;
        var wrong = new List<string>();
        var users = UsersFile.Read(file, wrong);
        foreach (var why in wrong) Log.Wrong(log, why);
        if (wrong.Count > 0) return;
        Current = users;
        Log.Read(log, users.Count, file);
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Read {Count} users from {File}")]
        public static partial void Read(ILogger log, int count, string file);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Why}. The users of before stay in force")]
        public static partial void Wrong(ILogger log, string why);
    }
}
