namespace Clinker.Conformance;

/// <summary>Tables that are kept as text beside the tests.</summary>
static class Resource
{
    /// <summary>The cells of each line that is no remark.</summary>
    public static IEnumerable<string[]> Lines(string name)
    {
        using var reader = new StreamReader(typeof(Resource).Assembly.GetManifestResourceStream(name)!);
        while (reader.ReadLine() is { } line)
            if (line.Length > 0 && line[0] != '#') yield return line.Split('\t');
    }
}
