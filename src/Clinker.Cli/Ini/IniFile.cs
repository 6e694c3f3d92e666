namespace Clinker.Cli.Ini;

/// <summary>
/// Edits a configuration file so that a reader sees the old one or the new one, never half of it: a temporary file in the
/// same directory is written, synced and renamed. Links are followed; mode and owner stay. Editors wait for each other.
/// </summary>
internal static class IniFile
{
    /// <exception cref="CliFault">It is not there or can't be read.</exception>
    public static IniDocument Read(string path)
    {
        try
        {
            return IniDocument.Parse(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliFault(Said(path, e));
        }
    }

    /// <summary>Reads, edits and writes; false when the edit left it as it was. A file that is absent is made.</summary>
    /// <param name="inPlace">Write into the file itself (hard links and mount points stay), which is not atomic.</param>
    /// <param name="into">Write the outcome here and leave the file; null: into the file.</param>
    public static bool Edit(string path, Action<IniDocument> edit, bool inPlace = false, Action<byte[]>? into = null)
    {
        try
        {
            var target = new FileInfo(path).LinkTarget is null ? Path.GetFullPath(path) : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
            using var directory = new Posix.LockedDirectory(Path.GetDirectoryName(target)!);
            var before = File.Exists(target) ? File.ReadAllBytes(target) : null;
            var document = IniDocument.Parse(before ?? []);
            edit(document);
            var after = document.ToBytes();
            if (into is not null) into(after);
            else if (before is not null && after.AsSpan().SequenceEqual(before)) return false;
            else if (inPlace) Write(target, after, FileMode.OpenOrCreate);
            else Replace(target, after, before is not null);
            directory.Sync();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliFault(Said(path, e));
        }
    }

    static void Replace(string target, byte[] content, bool exists)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Environment.ProcessId}.tmp");
        try
        {
            Write(temporary, content, FileMode.Create);
            if (exists) File.SetUnixFileMode(temporary, File.GetUnixFileMode(target)); // a new one has what the umask leaves
            if (exists && Posix.Owner(target) is { } owner && owner != Posix.Owner(temporary) && !Posix.Own(temporary, owner))
                throw new CliFault($"{target} belongs to somebody else, and its owner can't be kept: run this as root, or with --inplace.");
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    static void Write(string path, byte[] content, FileMode mode)
    {
        using var file = new FileStream(path, mode, FileAccess.Write, FileShare.Read);
        file.Write(content);
        file.SetLength(content.Length);
        file.Flush(flushToDisk: true);
    }

    static string Said(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => $"No such file or directory: '{path}'",
        UnauthorizedAccessException => $"Permission denied: '{path}'",
        _ => $"{path}: {e.Message}",
    };
}
