Console.WriteLine("clinker");
