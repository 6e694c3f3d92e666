using System.Text;

namespace Clinker.Server.Configuration;

/// <summary>Several files read one after the other: what a later one says wins.</summary>
sealed class IniFiles
{
    readonly List<IniFile> files = [];
    readonly List<string> problems = [];

    /// <summary>From the first, which yields to all others, to the last.</summary>
    public IReadOnlyList<IniFile> Files => files;
    /// <summary>What is wrong with the files as files: absent, unreadable, bad lines. Each names its file.</summary>
    public IReadOnlyList<string> Problems => problems;

    public void Add(IniFile file)
    {
        files.Add(file);
        problems.AddRange(file.Problems);
    }

    public void AddFile(string path)
    {
        path = Path.GetFullPath(path);
        try
        {
            Add(IniFile.Parse(path, Strict.GetString(WithoutMark(File.ReadAllBytes(path)))));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            problems.Add($"{path}: there is no such file");
        }
        catch (UnauthorizedAccessException) when (Directory.Exists(path))
        {
            problems.Add($"{path}: this is a directory; name it with --config-dir");
        }
        catch (UnauthorizedAccessException)
        {
            problems.Add($"{path}: {Environment.UserName} may not read it; run as a user who may, or change its mode or group");
        }
        catch (DecoderFallbackException e)
        {
            problems.Add($"{path}: byte {e.Index + 1} is not UTF-8");
        }
        catch (IOException e)
        {
            problems.Add($"{path}: {e.Message}");
        }
    }

    /// <summary>Adds <c>*.conf</c> of a directory in the order of their names, as <c>--config-dir</c> of oslo.config does.</summary>
    public void AddDirectory(string path)
    {
        path = Path.GetFullPath(path);
        try
        {
            var found = Directory.GetFiles(path, "*.conf");
            Array.Sort(found, StringComparer.Ordinal);
            // Python's glob leaves out hidden files.
            foreach (var file in found)
                if (!Path.GetFileName(file).StartsWith('.')) AddFile(file);
        }
        catch (DirectoryNotFoundException)
        {
            problems.Add($"{path}: there is no such directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{path}: {e.Message}");
        }
    }

    /// <summary>
    /// The value that counts of an option with a single one: in the last file that has any of the names, the first such name, its
    /// last value (cfg.py, _get_file_value).
    /// </summary>
    /// <param name="names">Today's first, then older ones. Sections in their normal form.</param>
    public IniEntry? Last(params IReadOnlyList<(string Section, string Key)> names)
    {
        for (var i = files.Count - 1; i >= 0; i--)
            foreach (var name in names)
                for (var j = files[i].Entries.Count - 1; j >= 0; j--)
                    if (Is(files[i].Entries[j], name)) return files[i].Entries[j];
        return null;
    }

    /// <summary>All values of an option that may have several, from the first file's first to the last file's last.</summary>
    public IReadOnlyList<IniEntry> All(string section, string key) =>
        [.. from file in files from entry in file.Entries where Is(entry, (section, key)) select entry];

    /// <summary>Whether any file has the section, empty or not.</summary>
    public bool Has(string section) => files.Exists(f => f.Sections.Any(s => IniFile.Normal(s.Name) == section));

    static bool Is(IniEntry entry, (string Section, string Key) name) =>
        entry.Key == name.Key && IniFile.Normal(entry.Section) == name.Section;

    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    static ReadOnlySpan<byte> WithoutMark(byte[] bytes) => bytes.AsSpan(bytes is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0);
}
