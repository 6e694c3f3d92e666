using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Files of <c>api/</c> that are made from the code and checked in. GOLDEN=1 writes them anew.</summary>
static class Golden
{
    public static string Root { get; } = Above(AppContext.BaseDirectory);

    public static void Compare(string name, string now)
    {
        var path = Path.Combine(Root, "api", name);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "1") File.WriteAllText(path, now);
        Assert.Equal(File.ReadAllText(path), now);
    }

    static string Above(string from) => File.Exists(Path.Combine(from, "Clinker.slnx")) ? from : Above(Path.GetDirectoryName(from)!);
}
