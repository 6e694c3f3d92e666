using System.Text;
using Clinker.Cli;

namespace Clinker.Tests.Cli;

/// <summary>A run of the command line with surroundings of its own: a directory, variables, and what it prints.</summary>
internal sealed class Run : IDisposable
{
    readonly StringWriter output = new() { NewLine = "\n" };
    readonly StringWriter error = new() { NewLine = "\n" };
    readonly Dictionary<string, string> environment;

    public Run(params (string Name, string Value)[] variables)
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("clinker-cli-").FullName;
        environment = variables.ToDictionary(v => v.Name, v => v.Value);
        environment.TryAdd("HOME", Directory);
        environment.TryAdd("PATH", Environment.GetEnvironmentVariable("PATH") ?? "");
    }

    public string Directory { get; }
    public string Input { get; set; } = "";

    /// <summary>What is typed when it is asked for unseen; then there is no terminal.</summary>
    public Queue<string> Typed { get; set; } = new();

    /// <summary>With which words it was asked for.</summary>
    public List<string> Asked { get; } = [];

    public string Out => output.ToString();
    public string Error => error.ToString();

    public Terminal Terminal => new()
    {
        Out = output,
        Error = error,
        In = () => new MemoryStream(Encoding.UTF8.GetBytes(Input)),
        AskHidden = prompt =>
        {
            if (!Typed.TryDequeue(out var typed)) return null;
            Asked.Add(prompt);
            return typed;
        },
        Environment = environment,
        Directory = Directory,
    };

    public string Path(string name) => System.IO.Path.Combine(Directory, name);

    public string Write(string name, string content)
    {
        System.IO.Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(name))!);
        File.WriteAllText(Path(name), content);
        return Path(name);
    }

    public string Read(string name) => File.ReadAllText(Path(name));

    public Task<int> Clinker(params string[] args) => As("clinker", args);

    /// <summary>Runs with another name for the program.</summary>
    public async Task<int> As(string program, params string[] args)
    {
        output.GetStringBuilder().Clear();
        error.GetStringBuilder().Clear();
        return await CommandLine.Run(program, args, Terminal);
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
