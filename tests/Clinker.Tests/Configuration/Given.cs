using System.Net;
using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

/// <summary>A machine with files of a test's making.</summary>
sealed class Given : IDisposable
{
    readonly DirectoryInfo root = Directory.CreateTempSubdirectory("clinker-config");
    readonly Dictionary<string, string> variables = new() { ["HOME"] = "/home/ann" };

    public string Root => root.FullName;
    public string Default => Path.Combine(Root, "etc", "cinder.conf");

    public Given With(string variable, string? value)
    {
        if (value is null) variables.Remove(variable);
        else variables[variable] = value;
        return this;
    }

    /// <summary>Writes a file; a relative path lies in the root.</summary>
    public string Write(string path, string text)
    {
        path = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public Start Load(params string[] arguments) => Loading.Load(arguments, new Surroundings(
        name => variables.GetValueOrDefault(name), "stor1", IPAddress.Parse("10.0.0.7"), "0.1.0", Path.GetDirectoryName(Default)!));

    public Settings Settings(params string[] arguments)
    {
        var start = Load(arguments);
        if (start is Start.Refused refused) Assert.Fail(string.Join('\n', refused.Errors));
        return Assert.IsType<Start.Run>(start).Settings;
    }

    public IReadOnlyList<string> Errors(params string[] arguments) => Assert.IsType<Start.Refused>(Load(arguments)).Errors;

    public string Printed(params string[] arguments) => Assert.IsType<Start.Print>(Load(arguments)).Text;

    /// <summary>The settings of one file with this text.</summary>
    public static Settings Of(string text)
    {
        using var given = new Given();
        return given.Settings("--config-file", given.Write("c.conf", text));
    }

    /// <summary>The errors of one file with this text; its name is cut to c.conf.</summary>
    public static IReadOnlyList<string> Wrong(string text)
    {
        using var given = new Given();
        var file = given.Write("c.conf", text);
        return [.. given.Errors("--config-file", file).Select(e => e.Replace(file, "c.conf", StringComparison.Ordinal))];
    }

    public void Dispose() => root.Delete(recursive: true);
}
