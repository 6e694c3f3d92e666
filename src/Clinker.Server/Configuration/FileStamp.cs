namespace Clinker.Server.Configuration;

/// <summary>What of a file changes when it comes, goes or is written, by whatever links it is reached.</summary>
static class FileStamp
{
    public static string Of(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            return $"{path} {File.GetLastWriteTimeUtc(file).Ticks} {RandomAccess.GetLength(file)}\n";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} {e.GetType().Name}\n";
        }
    }
}
